/** OpenAI's error object. */
export interface ErrorBody {
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;
}

/** An answer that is an error, by the simulator's own rules or on demand. */
export class SimulatedError extends Error {
  readonly status: number;
  readonly body: ErrorBody;
  /** `Retry-After`, in seconds. */
  readonly retryAfter: number | undefined;

  constructor(status: number, body: ErrorBody, retryAfter?: number) {
    super(body.message);
    this.status = status;
    this.body = body;
    this.retryAfter = retryAfter;
  }
}

/** A request that can't be answered, as HTTP 400. */
export const badRequest = (message: string, param: string | null, code: string | null = null): SimulatedError =>
  new SimulatedError(400, { message, type: 'invalid_request_error', param, code });

type Shape = readonly [status: number, type: string, code: string | null, param: string | null, message: string];

const kinds: Readonly<Record<string, Shape>> = {
  context: [
    400,
    'invalid_request_error',
    'context_length_exceeded',
    'messages',
    "Simulated: the messages are longer than this model's context.",
  ],
  content: [
    400,
    'invalid_request_error',
    'content_policy_violation',
    null,
    'Simulated: the request was rejected by the safety system.',
  ],
  quota: [429, 'insufficient_quota', 'insufficient_quota', null, 'Simulated: the quota of this key is used up.'],
  401: [401, 'invalid_request_error', 'invalid_api_key', null, 'Simulated: the API key is not valid.'],
  403: [403, 'permission_error', null, null, 'Simulated: this key may not do that.'],
  404: [404, 'invalid_request_error', 'model_not_found', 'model', 'Simulated: there is no such model.'],
  429: [429, 'rate_limit_error', 'rate_limit_exceeded', null, 'Simulated: too many requests.'],
  503: [503, 'server_error', 'overloaded', null, 'Simulated: the model is overloaded.'],
  529: [529, 'server_error', 'overloaded', null, 'Simulated: the model is overloaded.'],
};

/** The error of a fault knob: of a status, or of a kind that is answered over HTTP. */
export function faultError(fault: number | string, retryAfter: number | undefined): SimulatedError {
  const known = kinds[String(fault)];
  const status = typeof fault === 'number' ? fault : 500;
  const [code, type, openai, param, message] = known ?? [
    status,
    status < 500 ? 'invalid_request_error' : 'server_error',
    null,
    null,
    `Simulated: HTTP ${status}.`,
  ];
  return new SimulatedError(code, { message, type, param, code: openai }, retryAfter);
}
