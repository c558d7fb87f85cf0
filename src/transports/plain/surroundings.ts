import type { Socket } from 'node:net';
import type { SurfaceHandler } from '../surface-io.ts';
import type { PlainConnection } from './connection.ts';
import type { RequestHead } from './request-head.ts';

/** What a connection waits for: a head, a body, the rest of a body of no use, the next request. */
export type Wait = 'head' | 'body' | 'rest' | 'request';

/** What connections share. */
export interface Surroundings {
  readonly head: RequestHead;
  readonly handler: SurfaceHandler;
  /** Whether connections are to be closed after the answer under way. */
  readonly retired: boolean;
  /** The lines of a reply's head after which the connection stays, and after which it is closed. */
  readonly keptLines: string;
  readonly closedLines: string;
  /** Begins or ends a wait; each has its own limit. */
  wait(what: Wait, connection: PlainConnection): void;
  stopWaiting(what: Wait, connection: PlainConnection): void;
  /** The bytes, and all that come behind them, are node:http's. */
  handOver(socket: Socket, bytes: Buffer): void;
  /** The request broke off. */
  broke(socket: Socket, how: 'cut' | 'late'): void;
  closed(connection: PlainConnection): void;
}
