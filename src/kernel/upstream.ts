/** Response headers, lower-case names. */
export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** A request to a provider, ready to send. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  /** Path and query, base path included. */
  readonly path: string;
  /** Lower-case names; credentials included. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/**
 * Adds to a request what an adapter cannot, as it needs a clock or has to be fetched: a signature, a short-lived token.
 * `host` is the origin's, with its port where that is not the scheme's own; `now` is in milliseconds since the Unix epoch.
 * Rejects with a Fault where it cannot.
 */
export type SignRequest = (request: HttpRequest, host: string, now: number) => Promise<HttpRequest>;

/** Why no (whole) answer came. */
export type UpstreamFailure =
  /** No connection: nothing was sent. */
  | 'connect'
  /** The connection broke, before or amid the answer. */
  | 'reset'
  /** What came is not HTTP, or breaks its limits. */
  | 'protocol';

/** Told of the answer as it comes. After `end` or `error` nothing follows. */
export interface ResponseHandler {
  head(status: number, headers: ResponseHeaders): void;
  data(bytes: Uint8Array): void;
  end(): void;
  /** A Fault as the cause says by itself what the failure is. */
  error(kind: UpstreamFailure, cause: unknown): void;
}

/** A request under way. */
export interface Exchange {
  /** Closes the provider's socket now; the handler hears nothing more. `closed` hears when it is closed. */
  cancel(closed?: () => void): void;
  pause(): void;
  resume(): void;
}

/** One provider origin: an HTTP client with its connections, or a simulator in this process. */
export interface Upstream {
  send(request: HttpRequest, handler: ResponseHandler): Exchange;
  close(): Promise<void>;
}
