import type { Fault } from '../../kernel/fault.ts';
import type { Calls } from '../calls.ts';
import type { ServerOptions, ServerParts } from '../parts.ts';
import { Patience } from '../patience.ts';
import { type RpcStatus, statusOf } from '../status.ts';

/** What is waited for, and what becomes of it when it takes too long. */
export interface Awaited {
  /** The request takes too long to arrive. */
  late(): void;
  /** The caller does not read. */
  abandon(): void;
}

/** What all exchanges of a lane share. */
export interface Surroundings {
  readonly calls: Calls;
  readonly maxRequestBytes: number;
  readonly statusOf: (fault: Fault) => RpcStatus;
  /** Requests that still arrive. */
  readonly arriving: Patience<Awaited>;
  /** Answers that the caller does not read. */
  readonly unread: Patience<Awaited>;
  /** The same for calls that were cancelled: their callers get less time. */
  readonly lingering: Patience<Awaited>;
}

/** How long the answer to a call that was cancelled may wait for a reader that does not read. */
const lingerMs = 1_000;

export function createSurroundings(
  parts: Pick<ServerParts, 'clock' | 'statusOf'>,
  options: Pick<ServerOptions, 'maxRequestBytes' | 'requestTimeoutMs' | 'stalledReaderMs'>,
  calls: Calls,
): Surroundings {
  return {
    calls,
    maxRequestBytes: options.maxRequestBytes,
    statusOf: parts.statusOf ?? statusOf,
    arriving: new Patience(parts.clock, options.requestTimeoutMs, (exchange) => exchange.late()),
    unread: new Patience(parts.clock, options.stalledReaderMs ?? 120_000, (exchange) => exchange.abandon()),
    lingering: new Patience(parts.clock, lingerMs, (exchange) => exchange.abandon()),
  };
}
