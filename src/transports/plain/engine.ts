import type { Socket } from 'node:net';
import { systemClock } from '../../kernel/clock.ts';
import { discardMs } from '../body.ts';
import type { ServerOptions } from '../parts.ts';
import { Patience } from '../patience.ts';
import type { SurfaceHandler } from '../surface-io.ts';
import { PlainConnection } from './connection.ts';
import { RequestHead } from './request-head.ts';
import type { Surroundings, Wait } from './surroundings.ts';

export interface PlainHandlers {
  /** The paths whose requests may be plain. */
  readonly paths: readonly string[];
  readonly request: SurfaceHandler;
  /** Takes a connection over for good, from these bytes on. No listener is left on the socket. */
  handOver(socket: Socket, bytes: Buffer): void;
  /** A request broke off, or took too long to come; `error` is what node:http would have said. */
  unreadable(error: Error, socket: Socket): void;
}

/** Serves plain requests on the sockets of HTTP/1.1 connections, and hands over those on which others come. */
export interface PlainEngine {
  /** `seen` are the first bytes of the connection, where some were read. */
  take(socket: Socket, seen?: Buffer): void;
  /** Closes connections after the answers that are under way, and those that wait for a request. */
  retire(): void;
  /** Closes the connections that wait for a next request. */
  closeIdle(): void;
}

type Options = Pick<
  ServerOptions,
  'maxHeaderBytes' | 'maxRequestBytes' | 'headersTimeoutMs' | 'requestTimeoutMs' | 'keepAliveTimeoutMs'
>;

/** Node's, beyond what it announces: a request that was sent just in time is served. */
const keepAliveMarginMs = 1_000;

const endless = { watch(): void {}, forget(): void {} };

export function createPlainEngine(options: Options, handlers: PlainHandlers): PlainEngine {
  const connections = new Set<PlainConnection>();
  const { keepAliveTimeoutMs } = options;
  /** No time at all means no limit, as node:http has it. */
  const patience = (what: Wait, ms: number): Pick<Patience<PlainConnection>, 'watch' | 'forget'> =>
    ms === 0 ? endless : new Patience(systemClock, ms, (connection) => connection.expire(what));
  const waits: Readonly<Record<Wait, Pick<Patience<PlainConnection>, 'watch' | 'forget'>>> = {
    head: patience('head', Math.min(options.headersTimeoutMs, options.requestTimeoutMs)),
    body: patience('body', Math.max(1, options.requestTimeoutMs)),
    rest: patience('rest', discardMs),
    request: patience('request', keepAliveTimeoutMs === 0 ? 0 : keepAliveTimeoutMs + keepAliveMarginMs),
  };
  let retired = false;

  const around: Surroundings = {
    head: new RequestHead(handlers.paths, options),
    handler: handlers.request,
    get retired() {
      return retired;
    },
    keptLines: `Connection: keep-alive\r\n${keepAliveTimeoutMs === 0 ? '' : `Keep-Alive: timeout=${Math.floor(keepAliveTimeoutMs / 1_000)}\r\n`}`,
    closedLines: 'Connection: close\r\n',
    wait: (what, connection) => waits[what].watch(connection),
    stopWaiting: (what, connection) => waits[what].forget(connection),
    handOver: handlers.handOver,
    broke(socket, how) {
      const code = how === 'cut' ? 'HPE_INVALID_EOF_STATE' : 'ERR_HTTP_REQUEST_TIMEOUT';
      handlers.unreadable(Object.assign(new Error('the request broke off'), { code }), socket);
    },
    closed: (connection) => connections.delete(connection),
  };

  const engine: PlainEngine = {
    take(socket, seen) {
      const connection = new PlainConnection(socket, around);
      connections.add(connection);
      connection.begin(seen);
    },
    retire() {
      retired = true;
      engine.closeIdle();
    },
    closeIdle() {
      for (const connection of connections) if (connection.idle) connection.destroy();
    },
  };
  return engine;
}
