import type { Clock } from '../kernel/clock.ts';
import type { Fault } from '../kernel/fault.ts';
import type { Gate } from '../kernel/gate.ts';
import type { Rpc } from '../kernel/method.ts';
import type { CallObserver } from '../kernel/observer.ts';
import type { Readiness } from '../kernel/readiness.ts';
import type { Seals } from '../kernel/seals.ts';
import type { Cidr } from './address.ts';
import type { RpcStatus } from './status.ts';

/** The metrics page, rendered when it is asked for. */
export interface MetricsPage {
  readonly contentType: string;
  /** Who may read it; anyone where there is none. */
  readonly gate?: Gate | undefined;
  text(): Promise<string>;
}

/** What a transport is given: the gateway behind the wire. */
export interface ServerParts {
  /** Every method of the contract, interceptors inside. */
  readonly rpcs: readonly Rpc[];
  readonly gate: Gate;
  readonly observer: CallObserver;
  readonly clock: Clock;
  readonly readiness: Readiness;
  /** Opens what is sealed on the JSON surface; absent where nothing is. */
  readonly seals?: Seals | undefined;
  /** Absent where metrics are off: `GET /metrics` is then 404. */
  readonly metrics?: MetricsPage;
  /** How RPC callers are told of a fault. Default: `statusOf`, with google.rpc's details. */
  readonly statusOf?: (fault: Fault) => RpcStatus;
}

/** TLS material, as PEM text. */
export interface TlsOptions {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  /** When set, clients may prove themselves with a certificate of this authority. */
  readonly clientCa?: string | Buffer;
  /** Refuse clients without a certificate. Default: false. */
  readonly requireClientCertificate?: boolean;
}

/** Which web pages of other origins may call. None by default. */
export interface CorsOptions {
  /** Origins as browsers write them, `https://app.example`; `*` for any. */
  readonly origins: readonly string[];
  /** Reply headers that pages may read beyond those that the protocols need. */
  readonly exposedHeaders?: readonly string[];
  /** How long a browser may keep a preflight's answer, in seconds. Default: 7,200. */
  readonly maxAgeSeconds?: number;
}

/** How a server listens and what it puts up with. Durations in milliseconds, sizes in bytes. */
export interface ServerOptions {
  readonly host: string;
  /** 0 takes a free one; see `Server.port`. */
  readonly port: number;
  readonly tls?: TlsOptions;
  /** Largest request message or body, after decompression. */
  readonly maxRequestBytes: number;
  /** All request headers together. */
  readonly maxHeaderBytes: number;
  /** Streams at once on one HTTP/2 connection. */
  readonly maxConcurrentStreams: number;
  /** From the first byte of a connection, or of a request, to the end of its headers. */
  readonly headersTimeoutMs: number;
  /** From the first byte of a request to the last of its body. */
  readonly requestTimeoutMs: number;
  /** How long a caller may leave its answer unread before it is cut off. */
  readonly stalledReaderMs: number;
  /** Silence in a stream of server-sent events after which a comment is sent. Default: 0, never. */
  readonly ssePingMs?: number;
  /** An idle HTTP/1.1 connection is closed after this; over HTTP/2 the peer is pinged. */
  readonly keepAliveTimeoutMs: number;
  /** How long `drain` lets calls finish. */
  readonly drainTimeoutMs: number;
  /** Serve grpc.reflection. */
  readonly reflection: boolean;
  /** Serve the usual kinds of calls by code of this project's own; connect-es serves the rest, or all. Default: true. */
  readonly lanes?: boolean;
  readonly trustedProxies: readonly Cidr[];
  readonly cors: CorsOptions;
  /** Share the port with other processes of this machine. */
  readonly reusePort?: boolean;
}

/** What holds where the configuration says nothing. */
export const defaultServerOptions = {
  host: '127.0.0.1',
  port: 8080,
  maxRequestBytes: 10 * 1024 * 1024,
  maxHeaderBytes: 64 * 1024,
  maxConcurrentStreams: 256,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  stalledReaderMs: 120_000,
  keepAliveTimeoutMs: 75_000,
  drainTimeoutMs: 25_000,
  reflection: true,
  trustedProxies: [],
  cors: { origins: [] },
} as const satisfies ServerOptions;
