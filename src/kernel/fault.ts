/** gRPC status codes, by their names in grpc/status.proto. */
export const Code = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;
export type Code = (typeof Code)[keyof typeof Code];

/** How a fault looks on each surface. */
interface FaultShape {
  readonly code: Code;
  readonly http: number;
  /** OpenAI's `error.type`. */
  readonly type: string;
  /** OpenAI's `error.code`. */
  readonly openai: string | null;
}

const invalid = (openai: string | null, http = 400): FaultShape => ({
  code: Code.INVALID_ARGUMENT,
  http,
  type: 'invalid_request_error',
  openai,
});
const unauthenticated = (openai: string): FaultShape => ({
  code: Code.UNAUTHENTICATED,
  http: 401,
  type: 'authentication_error',
  openai,
});
const precondition = (openai: string): FaultShape => ({
  code: Code.FAILED_PRECONDITION,
  http: 400,
  type: 'invalid_request_error',
  openai,
});
const limited = (openai: string): FaultShape => ({
  code: Code.RESOURCE_EXHAUSTED,
  http: 429,
  type: 'rate_limit_error',
  openai,
});
const unavailable = (openai: string): FaultShape => ({ code: Code.UNAVAILABLE, http: 503, type: 'api_error', openai });
const internal: FaultShape = { code: Code.INTERNAL, http: 500, type: 'api_error', openai: 'internal_error' };

/** Every fault there is. The key is ErrorInfo's reason; what is not here is INTERNAL, logged and never sent. */
export const faults = {
  FIELD_INVALID: invalid(null),
  BODY_INVALID: invalid('invalid_json'),
  PARAMETER_UNSUPPORTED: invalid('unsupported_parameter'),
  PROVIDER_REJECTED: invalid('provider_rejected'),
  CONTEXT_LENGTH_EXCEEDED: invalid('context_length_exceeded'),
  CONTENT_REJECTED: invalid('content_policy_violation'),
  MEDIA_TYPE_UNSUPPORTED: invalid('unsupported_media_type', 415),
  METHOD_NOT_ALLOWED: { ...invalid('method_not_allowed', 405), code: Code.UNIMPLEMENTED },
  CREDENTIAL_MISSING: unauthenticated('invalid_api_key'),
  CREDENTIAL_INVALID: unauthenticated('invalid_api_key'),
  SEAL_INVALID: unauthenticated('seal_invalid'),
  SEAL_EXPIRED: unauthenticated('seal_expired'),
  SEAL_REPLAYED: unauthenticated('seal_replayed'),
  SEAL_REQUIRED: precondition('seal_required'),
  SIGNATURE_INVALID: unauthenticated('signature_invalid'),
  REQUEST_EXPIRED: unauthenticated('request_expired'),
  REQUEST_REPLAYED: unauthenticated('request_replayed'),
  SIGNATURE_REQUIRED: precondition('signature_required'),
  PROVIDER_KEY_MISSING: precondition('provider_key_missing'),
  PROVIDER_DISABLED: precondition('provider_disabled'),
  MODEL_FORBIDDEN: { code: Code.PERMISSION_DENIED, http: 403, type: 'permission_error', openai: 'model_forbidden' },
  ORIGIN_FORBIDDEN: { code: Code.PERMISSION_DENIED, http: 403, type: 'permission_error', openai: 'origin_forbidden' },
  MODEL_NOT_FOUND: { code: Code.NOT_FOUND, http: 404, type: 'invalid_request_error', openai: 'model_not_found' },
  NOT_CACHED: { code: Code.FAILED_PRECONDITION, http: 504, type: 'invalid_request_error', openai: 'not_cached' },
  ROUTE_NOT_FOUND: { code: Code.UNIMPLEMENTED, http: 404, type: 'invalid_request_error', openai: 'unknown_url' },
  NOT_FOUND: { code: Code.NOT_FOUND, http: 404, type: 'invalid_request_error', openai: 'not_found' },
  RATE_LIMITED: limited('rate_limit_exceeded'),
  QUEUE_FULL: limited('queue_full'),
  PROVIDER_RATE_LIMITED: limited('provider_rate_limit_exceeded'),
  TOO_LARGE: { code: Code.RESOURCE_EXHAUSTED, http: 413, type: 'invalid_request_error', openai: 'request_too_large' },
  HEADERS_TOO_LARGE: { code: Code.RESOURCE_EXHAUSTED, http: 431, type: 'invalid_request_error', openai: null },
  PROVIDER_CREDENTIAL: { ...internal, openai: 'provider_credential' },
  PROVIDER_UNAVAILABLE: unavailable('provider_unavailable'),
  PROVIDER_STREAM_CUT: unavailable('provider_stream_cut'),
  PROVIDER_MALFORMED: unavailable('provider_malformed'),
  ADMISSION_UNAVAILABLE: unavailable('admission_unavailable'),
  AUDIT_UNAVAILABLE: unavailable('audit_unavailable'),
  SHUTTING_DOWN: unavailable('shutting_down'),
  DEADLINE_EXCEEDED: { code: Code.DEADLINE_EXCEEDED, http: 504, type: 'timeout', openai: 'deadline_exceeded' },
  PROVIDER_TIMEOUT: { code: Code.DEADLINE_EXCEEDED, http: 504, type: 'timeout', openai: 'provider_timeout' },
  CALLER_TIMEOUT: { code: Code.DEADLINE_EXCEEDED, http: 408, type: 'timeout', openai: 'request_timeout' },
  CANCELLED: { code: Code.CANCELLED, http: 499, type: 'api_error', openai: null },
  INTERNAL: internal,
} as const satisfies Record<string, FaultShape>;

export type FaultReason = keyof typeof faults;

/** A field that is wrong, for google.rpc.BadRequest. */
export interface FieldViolation {
  /** Path in the request as the caller wrote it, for example `messages[0].role`. */
  readonly field: string;
  readonly description: string;
}

/** A limit that was hit, for google.rpc.QuotaFailure. */
export interface QuotaViolation {
  /** What is limited: `user:alice`, `ip:192.0.2.1`, `global`. */
  readonly subject: string;
  readonly description: string;
}

/** Whose doing a provider's failure is, and so what may be tried next. */
export type Blame =
  /** The request is bad for any target. */
  | 'caller'
  /** The request is too long for this model; a larger one may take it. */
  | 'context'
  /** The provider refuses the content; nobody else is asked. */
  | 'content'
  /** This key is over a limit: it cools, another target may serve at once. */
  | 'limit'
  /** This key is refused or exhausted: it rests, another serves. */
  | 'credential'
  /** The model or deployment is not there: another target may serve. */
  | 'target'
  /** The provider failed in passing: it may be asked again. */
  | 'provider';

export interface FaultDetail {
  readonly violations?: readonly FieldViolation[];
  readonly quota?: readonly QuotaViolation[];
  /** When it may be tried again, in milliseconds from now. */
  readonly retryAfterMs?: number;
  /** Every dynamic part of the message, for ErrorInfo.metadata. Never a secret. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Set by adapters: what the balancer may do next. */
  readonly blame?: Blame;
  /** The provider's HTTP status, 0 if none came. */
  readonly status?: number;
  /** The provider's own error code, told to the caller in OpenAI's `code` where the fault is the caller's. */
  readonly providerCode?: string;
  /** For the log only. */
  readonly cause?: unknown;
}

/**
 * Errors travel in headers, of which callers take 8 KiB in all where they take least (grpc-java), and HTTP/2 itself
 * ends the connection over more than 64: what quotes a caller or a provider is cut.
 */
const longest = { messageBytes: 1_000, textBytes: 250, violations: 8 } as const;

function cut(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text.toWellFormed();
  // Half a character may be left at the end.
  return `${Buffer.from(text.slice(0, bytes))
    .toString('utf8', 0, bytes)
    .replace(/\ufffd$/, '')}…`;
}

const cutText = (text: string): string => cut(text, longest.textBytes);

function cutDetail(detail: FaultDetail): FaultDetail {
  const { violations, metadata } = detail;
  return {
    ...detail,
    ...(violations && {
      violations: violations.slice(0, longest.violations).map(({ field, description }) => ({
        field: cutText(field),
        description: cutText(description),
      })),
    }),
    ...(metadata && {
      metadata: Object.fromEntries(Object.entries(metadata).map(([name, text]) => [name, cutText(text)])),
    }),
  };
}

/** The only error that callers are told about. Its message is public: no secrets, no contents; its texts are short. */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly reason: FaultReason;
  readonly detail: FaultDetail;

  constructor(reason: FaultReason, message: string, detail: FaultDetail = {}) {
    super(cut(message, longest.messageBytes), detail.cause === undefined ? undefined : { cause: detail.cause });
    this.reason = reason;
    this.detail = cutDetail(detail);
  }

  get shape(): FaultShape {
    return faults[this.reason];
  }

  /** Makes a fault of anything thrown: what is not a Fault becomes INTERNAL with a text that tells nothing. */
  static from(thrown: unknown): Fault {
    return thrown instanceof Fault ? thrown : new Fault('INTERNAL', 'internal error', { cause: thrown });
  }
}

/** A bad field, as INVALID_ARGUMENT with BadRequest and OpenAI's `param`. */
export const invalidField = (field: string, description: string): Fault =>
  new Fault('FIELD_INVALID', `${field}: ${description}`, { violations: [{ field, description }] });
