import type { HttpFailure } from '../../kernel/adapter.ts';
import type { Blame, Fault } from '../../kernel/fault.ts';
import { isObject, type JsonObject, list, text, tryParseObject, utf8 } from '../shared/json-body.ts';
import { type ProviderError, providerFault, saysTooLong } from '../shared/provider-fault.ts';
import { retryAfterMs } from '../shared/retry-after.ts';

/** google.rpc.Code by name: the HTTP status that each comes with, and whose doing it is. */
const codes: Readonly<Record<string, { status: number; blame: Blame }>> = {
  INVALID_ARGUMENT: { status: 400, blame: 'caller' },
  OUT_OF_RANGE: { status: 400, blame: 'caller' },
  // Where we call from, or what our account is enabled for.
  FAILED_PRECONDITION: { status: 400, blame: 'credential' },
  UNAUTHENTICATED: { status: 401, blame: 'credential' },
  PERMISSION_DENIED: { status: 403, blame: 'credential' },
  NOT_FOUND: { status: 404, blame: 'target' },
  ABORTED: { status: 409, blame: 'provider' },
  RESOURCE_EXHAUSTED: { status: 429, blame: 'limit' },
  CANCELLED: { status: 499, blame: 'provider' },
  INTERNAL: { status: 500, blame: 'provider' },
  UNKNOWN: { status: 500, blame: 'provider' },
  UNIMPLEMENTED: { status: 501, blame: 'target' },
  UNAVAILABLE: { status: 503, blame: 'provider' },
  DEADLINE_EXCEEDED: { status: 504, blame: 'provider' },
};

/** ErrorInfo's reasons that say more than the code. */
const reasons: Readonly<Record<string, Blame>> = {
  API_KEY_INVALID: 'credential',
  API_KEY_SERVICE_BLOCKED: 'credential',
  CONSUMER_SUSPENDED: 'credential',
  BILLING_DISABLED: 'credential',
  SERVICE_DISABLED: 'credential',
};

/** A file or a cache that the caller named is not there, or not ours to read. */
const callersOwn = /\b(file|cached ?content)\b/i;

/** Reads google.rpc.Status in `{"error":{...}}`; nothing where the body is not of this form. */
function read(body: JsonObject | undefined): Partial<ProviderError> {
  const error = body?.['error'];
  if (!isObject(error)) return {};
  const message = text(error['message']);
  const name = text(error['status']);
  const known = codes[name];
  const details = list(error['details']).filter(isObject);
  const reason = text(details.find((detail) => text(detail['reason']) !== '')?.['reason']);
  const code = typeof error['code'] === 'number' ? error['code'] : undefined;
  const delay = details.map((detail) => seconds(detail['retryDelay'])).find((ms) => ms !== undefined);
  return {
    status: known?.status ?? code ?? 0,
    message,
    code: reason || name,
    blame: reasons[reason] ?? blameOf(name, known?.blame, message),
    retryAfterMs: delay,
  };
}

function blameOf(name: string, blame: Blame | undefined, message: string): Blame | undefined {
  if (name === 'INVALID_ARGUMENT' && saysTooLong(message)) return 'context';
  if ((name === 'PERMISSION_DENIED' || name === 'NOT_FOUND') && callersOwn.test(message)) return 'caller';
  return blame;
}

/** A google.protobuf.Duration, "48.939s", in milliseconds. */
function seconds(duration: unknown): number | undefined {
  const found = typeof duration === 'string' ? /^(\d+(?:\.\d+)?)s$/.exec(duration) : null;
  return found ? Math.ceil(Number(found[1]) * 1000) : undefined;
}

/** Classifies an answer that is no success. */
export function fault(failure: HttpFailure): Fault {
  const error = read(tryParseObject(utf8(failure.body)));
  return providerFault({
    ...error,
    status: failure.status,
    retryAfterMs: retryAfterMs(failure.headers, failure.now) ?? error.retryAfterMs,
  });
}

/** The fault of an error in place of a stream's event, or in a 200: the status is what it would have come with. */
export function faultOfEvent(body: JsonObject): Fault {
  return providerFault({ blame: 'provider', status: 0, ...read(body) });
}
