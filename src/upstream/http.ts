import type { HttpRequest, ResponseHandler, Upstream } from '../kernel/upstream.ts';
import { Connection, type ConnectionOptions, type TlsClientOptions } from './connection.ts';
import { HttpExchange } from './http-exchange.ts';

export interface HttpUpstreamOptions {
  /** Scheme, host and port of the provider: 'https://api.openai.com'. A path in it is ignored. */
  readonly origin: string;
  readonly connectTimeoutMs: number;
  /** Connections at once; requests beyond it wait in line. Unlimited by default. */
  readonly maxConnections?: number;
  /** Most bytes of a response's head; 64 KiB by default. */
  readonly maxHeaderBytes?: number;
  /**
   * How long an idle connection is kept, in milliseconds, where the server's `keep-alive` header does not tell.
   * The default of 4 s stays below the shortest idle timeout in common use (5 s), so that a request is not sent
   * on a connection that the server is just closing.
   */
  readonly keepAliveMs?: number;
  /**
   * After so many milliseconds a connection takes no new request: the next one is made anew, to whatever address the
   * origin's name has by then. No limit by default.
   */
  readonly connectionAgeMs?: number;
  readonly tls?: TlsClientOptions;
}

const DEAD_BEFORE_SWEEP = 32;

/**
 * An HTTP/1.1 client of one origin. Connections stand in a free list, last in first out, so that finding one costs
 * the same with one or ten thousand of them. A cancelled exchange closes its connection in every phase; timeouts
 * other than the connect timeout are the caller's. `close` lets running exchanges finish and fails waiting ones.
 */
class HttpUpstream implements Upstream {
  readonly #options: ConnectionOptions;
  readonly #maxConnections: number;
  readonly #ageMs: number;
  #free: Connection[] = [];
  #dead = 0;
  #busy = 0;
  #waiting: HttpExchange[] = [];
  #closed = false;
  #onIdle: (() => void) | undefined;

  constructor(options: HttpUpstreamOptions) {
    const url = new URL(options.origin);
    const secure = url.protocol === 'https:';
    this.#options = {
      origin: url.origin,
      secure,
      host: url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname,
      port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
      connectTimeoutMs: options.connectTimeoutMs,
      maxHeaderBytes: options.maxHeaderBytes ?? 65_536,
      keepAliveMs: options.keepAliveMs ?? 4_000,
      tls: options.tls ?? {},
    };
    this.#ageMs = options.connectionAgeMs ?? Number.POSITIVE_INFINITY;
    this.#maxConnections = options.maxConnections ?? Number.POSITIVE_INFINITY;
  }

  send(request: HttpRequest, handler: ResponseHandler): HttpExchange {
    const exchange = new HttpExchange(request, handler, this.#release);
    if (this.#closed) queueMicrotask(() => exchange.fail('connect', new Error('the client is closed')));
    else if (this.#busy >= this.#maxConnections) this.#waiting.push(exchange);
    else this.#start(exchange);
    return exchange;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const connection of this.#free.splice(0)) connection.destroy();
    for (const exchange of this.#waiting.splice(0)) exchange.fail('connect', new Error('the client is closed'));
    if (this.#busy > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
  }

  #start(exchange: HttpExchange): void {
    this.#busy++;
    exchange.start(this.#take());
  }

  #take(): Connection {
    for (let connection = this.#free.pop(); connection !== undefined; connection = this.#free.pop()) {
      connection.idle = false;
      if (connection.lost) this.#dead--;
      else if (this.#isFresh(connection)) return connection;
      else connection.destroy();
    }
    return new Connection(this.#options, this.#onLost);
  }

  readonly #release = (connection: Connection, reusable: boolean): void => {
    this.#busy--;
    if (this.#closed || !reusable || !this.#isFresh(connection)) connection.destroy();
    else {
      connection.idle = true;
      this.#free.push(connection);
    }
    const next = this.#nextWaiting();
    if (next !== undefined) this.#start(next);
    else if (this.#busy === 0) this.#onIdle?.();
  };

  #isFresh({ since }: Connection): boolean {
    return performance.now() - since < this.#ageMs;
  }

  /** Those cancelled in line are passed over. */
  #nextWaiting(): HttpExchange | undefined {
    let next = this.#waiting.shift();
    while (next?.done) next = this.#waiting.shift();
    return next;
  }

  /** A connection that closed while idle is dropped; one in use is the business of its exchange. */
  readonly #onLost = (connection: Connection): void => {
    if (!connection.idle || connection.lost) return;
    connection.destroy();
    if (++this.#dead < DEAD_BEFORE_SWEEP || this.#dead * 2 < this.#free.length) return;
    this.#free = this.#free.filter((one) => !one.lost);
    this.#dead = 0;
  };
}

export const createHttpUpstream = (options: HttpUpstreamOptions): Upstream => new HttpUpstream(options);
