import type { HttpFailure } from '../../kernel/adapter.ts';
import type { Blame, Fault } from '../../kernel/fault.ts';
import { isObject, type JsonObject, text, tryParseObject, utf8 } from '../shared/json-body.ts';
import { faultOfFailure, type ProviderError, providerFault, saysTooLong } from '../shared/provider-fault.ts';

/** Anthropic's error types: the status that each comes with, and whose doing it is. */
const types: Readonly<Record<string, { status: number; blame: Blame }>> = {
  invalid_request_error: { status: 400, blame: 'caller' },
  authentication_error: { status: 401, blame: 'credential' },
  billing_error: { status: 402, blame: 'credential' },
  permission_error: { status: 403, blame: 'credential' },
  not_found_error: { status: 404, blame: 'target' },
  conflict_error: { status: 409, blame: 'provider' },
  request_too_large: { status: 413, blame: 'caller' },
  rate_limit_error: { status: 429, blame: 'limit' },
  api_error: { status: 500, blame: 'provider' },
  timeout_error: { status: 504, blame: 'provider' },
  overloaded_error: { status: 529, blame: 'provider' },
};

/** Invalid requests come with one type only; these words tell them apart. */
const words: readonly (readonly [RegExp, Blame])[] = [
  [/prompt is too long|exceed context limit|context window/i, 'context'],
  [/credit balance is too low|usage limits|organization has been disabled/i, 'credential'],
  [/content filtering policy|output blocked/i, 'content'],
];

/** Reads `{"type":"error","error":{...}}`; undefined where the body is not of this form. */
function read(body: JsonObject | undefined): Omit<ProviderError, 'status'> & { status: number | undefined } {
  const error = body?.['error'];
  if (!isObject(error)) return { status: undefined };
  // Google's own errors, where it serves these models, have a status in place of the type.
  const type = text(error['type']) || text(error['status']);
  const message = text(error['message']);
  const known = types[type];
  const details = error['details'];
  const code = (isObject(details) && text(details['error_code'])) || type;
  const told = known?.blame === 'caller' ? words.find(([pattern]) => pattern.test(message))?.[1] : undefined;
  const blame = told ?? (known?.status === 400 && saysTooLong(message) ? 'context' : known?.blame);
  return { status: known?.status, message, code, blame };
}

/** Classifies an answer that is no success. */
export function fault(failure: HttpFailure): Fault {
  const { status: _, ...error } = read(tryParseObject(utf8(failure.body)));
  return faultOfFailure(failure, error);
}

/** The fault of an error event, or of an error in a 200: the status is what it would have come with. */
export function faultOfEvent(body: JsonObject): Fault {
  const { status, ...error } = read(body);
  return providerFault({ blame: 'provider', ...error, status: status ?? 0 });
}
