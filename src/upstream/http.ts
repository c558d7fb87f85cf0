import type { Exchange, HttpRequest, ResponseHandler, Upstream } from '../kernel/upstream.ts';
import { NativeConnection } from './native/connection.ts';
import { NativeExchange } from './native/exchange.ts';
import { RequestHeads } from './native/request-heads.ts';
import { ConnectionPool } from './pool.ts';
import type { ConnectionOptions, TlsClientOptions } from './socket.ts';
import { UndiciConnection } from './undici/connection.ts';
import { UndiciExchange } from './undici/exchange.ts';

/** Who speaks HTTP/1.1: this project's own client, or undici. */
export type HttpClient = 'native' | 'undici';

export interface HttpUpstreamOptions {
  /** Scheme, host and port of the provider: 'https://api.openai.com'. A path in it is ignored. */
  readonly origin: string;
  readonly connectTimeoutMs: number;
  /** `native` by default. */
  readonly client?: HttpClient;
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

const connectionOptions = (options: HttpUpstreamOptions): ConnectionOptions => {
  const url = new URL(options.origin);
  const secure = url.protocol === 'https:';
  return {
    origin: url.origin,
    secure,
    host: url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname,
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    connectTimeoutMs: options.connectTimeoutMs,
    maxHeaderBytes: options.maxHeaderBytes ?? 65_536,
    keepAliveMs: options.keepAliveMs ?? 4_000,
    tls: options.tls ?? {},
  };
};

const bounds = (options: HttpUpstreamOptions) => ({
  max: options.maxConnections ?? Number.POSITIVE_INFINITY,
  ageMs: options.connectionAgeMs ?? Number.POSITIVE_INFINITY,
});

class NativeUpstream implements Upstream {
  readonly #pool: ConnectionPool<NativeConnection>;
  readonly #heads: RequestHeads;

  constructor(options: HttpUpstreamOptions) {
    const to = connectionOptions(options);
    this.#heads = new RequestHeads(new URL(to.origin).host);
    this.#pool = new ConnectionPool({ ...bounds(options), open: () => new NativeConnection(to) });
  }

  send(request: HttpRequest, handler: ResponseHandler): Exchange {
    const head = this.#heads.of(request);
    const exchange = new NativeExchange(request, head, handler, this.#pool);
    if (head === undefined) {
      queueMicrotask(() => exchange.fail('protocol', new Error('the request has a path or header that HTTP forbids')));
    } else this.#pool.admit(exchange);
    return exchange;
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}

class UndiciUpstream implements Upstream {
  readonly #pool: ConnectionPool<UndiciConnection>;

  constructor(options: HttpUpstreamOptions) {
    const to = connectionOptions(options);
    this.#pool = new ConnectionPool({ ...bounds(options), open: () => new UndiciConnection(to) });
  }

  send(request: HttpRequest, handler: ResponseHandler): Exchange {
    const exchange = new UndiciExchange(request, handler, this.#pool);
    this.#pool.admit(exchange);
    return exchange;
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}

/**
 * An HTTP/1.1 client of one origin. A cancelled exchange closes its connection in every phase; timeouts other than
 * the connect timeout are the caller's. `close` lets running exchanges finish and fails waiting ones.
 */
export const createHttpUpstream = (options: HttpUpstreamOptions): Upstream =>
  options.client === 'undici' ? new UndiciUpstream(options) : new NativeUpstream(options);
