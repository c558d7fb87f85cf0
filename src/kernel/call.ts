import type { GatewayReport } from '../../gen/es/llmbridge/v1/report_pb.ts';
import type { Usage } from '../../gen/es/llmbridge/v1/usage_pb.ts';
import { Cancellation } from './cancel.ts';
import type { CallClaim } from './nonce-claim.ts';
import type { CacheResult } from './response-cache.ts';

/** How the caller speaks to us; a metric label. */
export type Protocol = 'grpc' | 'grpc-web' | 'connect' | 'http';

/** Who calls. */
export interface Principal {
  /** The user that limits and logs count by; empty for an anonymous caller. */
  readonly user: string;
  /** What proved it: 'anonymous', 'api-key', 'jwt' or 'mtls'. */
  readonly method: 'anonymous' | 'api-key' | 'jwt' | 'mtls';
  /** The credential's public name, for the log; empty for none. */
  readonly credential: string;
  /** Groups the caller is in, by the token's word; undefined where nothing tells. */
  readonly groups?: readonly string[];
  /** Models this caller may ask for; undefined for all. */
  readonly models?: ReadonlySet<string>;
  /** Whether this caller's chat calls must be sealed, whatever those of others may be. */
  readonly mustSeal?: boolean;
}

export const anonymous: Principal = { user: '', method: 'anonymous', credential: '' };

/** What the verified client certificate of a connection says of its holder. */
export interface ClientCertificate {
  /** The subject's distinguished name, one `KEY=value` a line, as Node tells it. */
  readonly subject: string;
  /** The subject's common name, empty for none. */
  readonly commonName: string;
  /** URIs among the alternative names; a SPIFFE ID is one. */
  readonly uris: readonly string[];
}

/** Request headers or gRPC metadata, lower-case names; repeated ones joined by Node's rules. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** The request as the caller wrote it, for a target that speaks the same dialect. */
export interface SourceText {
  readonly dialect: 'openai';
  readonly json: string;
}

/** A provider's dialect that callers speak, too. */
export type Dialect = SourceText['dialect'];

/** W3C Trace Context of a call: ours is `spanId`, the caller's `parentId`. */
export interface Trace {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly flags: string;
  readonly state: string;
}

export interface CallInit {
  readonly id: string;
  /** '/llmbridge.v1.ChatService/ChatCompletion', whatever the entrance. */
  readonly method: string;
  readonly protocol: Protocol;
  readonly headers: Headers;
  /** The caller's address, as far as trusted proxies tell. */
  readonly address: string;
  readonly trace: Trace;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
}

/**
 * One call from its first header to its last byte: what is known of it, and what became of it.
 * Made by a transport, filled in along the road, told to the observer at the end.
 */
export class Call {
  readonly id: string;
  /** The JSON surface knows only after the body whether it is the streamed form of the method. */
  method: string;
  readonly protocol: Protocol;
  readonly headers: Headers;
  readonly address: string;
  readonly trace: Trace;
  readonly startedAt: number;
  readonly cancellation = new Cancellation();

  /** Whether the answer is streamed; the JSON surface knows it only after the body. */
  streaming = false;
  principal: Principal = anonymous;
  /** Monotonic milliseconds, undefined for no deadline. */
  deadline: number | undefined;
  source: SourceText | undefined;
  certificate: ClientCertificate | undefined;
  /** Id of the key that the request was sealed with; empty for one that came in the clear. */
  sealedBy = '';
  /** Id of the key that the request was signed with; empty for one that was not. */
  signedBy = '';
  /** The request's message as it came, without frame and compression: kept for a signed call alone, until it is verified. */
  body: Uint8Array | undefined;
  /** What this call must be the first to claim: set before it is admitted, which claims it and takes the limits in one step. */
  claim: CallClaim | undefined;

  /** Reply headers, or leading metadata; to be set before the first message. */
  readonly replyHeaders: Record<string, string> = {};

  /** Trailing metadata for the protocols that have it; to be set before the method is done. */
  replyTrailers: Record<string, string> | undefined;

  /** How the cache served it; empty where it has no part in it. */
  cacheResult: CacheResult | '' = '';

  /** What the caller asked for, for log and metrics. */
  requestedModel = '';
  report: GatewayReport | undefined;
  usage: Usage | undefined;
  /** Monotonic milliseconds of the first meaningful token. */
  firstTokenAt: number | undefined;

  constructor(init: CallInit) {
    this.id = init.id;
    this.method = init.method;
    this.protocol = init.protocol;
    this.headers = init.headers;
    this.address = init.address;
    this.trace = init.trace;
    this.startedAt = init.startedAt;
  }

  /** Whether the caller says that it signed the request. */
  get isSigned(): boolean {
    return this.headers['x-request-signature'] !== undefined;
  }

  /** A header's value, the first one where it is repeated. */
  header(name: string): string | undefined {
    const value = this.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }
}
