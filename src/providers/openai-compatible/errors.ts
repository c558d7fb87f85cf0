import type { HttpFailure } from '../../kernel/adapter.ts';
import type { Blame, Fault } from '../../kernel/fault.ts';
import { isObject, type JsonObject, tryParseObject, utf8 } from '../shared/json-body.ts';
import { faultOfFailure, type ProviderError, providerFault, saysTooLong } from '../shared/provider-fault.ts';

/** Error codes and types of OpenAI and of those who speak its dialect. */
const blames: Readonly<Record<string, Blame>> = {
  context_length_exceeded: 'context',
  model_max_prompt_tokens_exceeded: 'context',
  tokens_limit_reached: 'context',
  content_policy_violation: 'content',
  content_filter: 'content',
  content_filtered: 'content',
  moderation_blocked: 'content',
  responsibleaipolicyviolation: 'content',
  data_inspection_failed: 'content',
  datainspectionfailed: 'content',
  insufficient_quota: 'credential',
  insufficient_user_quota: 'credential',
  insufficient_balance: 'credential',
  billing_hard_limit_reached: 'credential',
  billing_not_active: 'credential',
  account_deactivated: 'credential',
  invalid_api_key: 'credential',
  invalid_authentication_error: 'credential',
  incorrect_api_key_error: 'credential',
  authentication_error: 'credential',
  invalid_organization: 'credential',
  exceeded_current_quota_error: 'credential',
  arrearage: 'credential',
  rate_limit_exceeded: 'limit',
  rate_limit_reached_error: 'limit',
  rate_limit_error: 'limit',
  ratelimitreached: 'limit',
  too_many_requests: 'limit',
  model_not_found: 'target',
  model_decommissioned: 'target',
  deploymentnotfound: 'target',
  resource_not_found_error: 'target',
  engine_overloaded_error: 'provider',
  overloaded_error: 'provider',
  server_error: 'provider',
  internal_server_error: 'provider',
  server_overloaded: 'provider',
  service_unavailable: 'provider',
  timeout: 'provider',
};

/** A rejected key under a status that does not say so; the text may quote the key. */
const badKey =
  /(incorrect|invalid|missing|expired|revoked|no|unknown)( or \w+)? api.?key|api.?key .{0,20}(invalid|incorrect|expired|not valid)/i;
const badContent =
  /violates? (our |the )?(usage|content|safety)|content management policy|flagged (by|for|as)|safety system/i;
const codeLike = /^[\w.:-]{1,64}$/;

type Codes = Readonly<Record<string, ProviderError['blame']>> | undefined;

/** What an error body says, whichever of the family's shapes it has; `undefined` body for HTML, plain text and nothing. */
function readError(body: JsonObject | undefined, status: number, more: Codes): ProviderError {
  if (body === undefined) return { status };
  const inner = isObject(body['error']) ? body['error'] : isObject(body['message']) ? body['message'] : body;
  const message = messageOf(inner) ?? messageOf(body);
  const code = codeOf(inner['code']) ?? codeOf(body['code']);
  const type = codeOf(inner['type']);
  const param =
    typeof inner['param'] === 'string' && codeLike.test(inner['param'].replace(/[[\]]/g, ''))
      ? inner['param']
      : undefined;
  const from = status > 0 && status < 400 ? 0 : status;
  const told = from || statusOf(inner) || statusOf(body);
  return {
    status: told,
    message,
    code: code ?? type,
    param,
    blame: blameOf(code, type, message, told, inner, more),
  };
}

/** The fault of an error object that came with a success status or amid a stream. */
export const errorFault = (body: JsonObject, more: Codes): Fault => providerFault(readError(body, 0, more));

/** The fault of an answer that is no success. */
export function failureFault(failure: HttpFailure, more: Codes): Fault {
  const text = utf8(failure.body);
  return faultOfFailure(failure, readError(tryParseObject(text) ?? plainMessage(text), failure.status, more));
}

/** A body of plain words, as an error object; undefined for HTML and for nothing. */
function plainMessage(text: string): { message: string } | undefined {
  const words = text.trim();
  return words === '' || words.startsWith('<') || words.startsWith('{') ? undefined : { message: words };
}

function blameOf(
  code: string | undefined,
  type: string | undefined,
  message: string | undefined,
  status: number,
  error: JsonObject,
  more: Codes,
): Blame | undefined {
  const known = (word: string | undefined) =>
    word === undefined ? undefined : (more?.[word] ?? blames[word.toLowerCase()]);
  const inner = error['innererror'];
  const byCode = known(code) ?? (isObject(inner) ? known(codeOf(inner['code'])) : undefined);
  if (byCode !== undefined) return byCode;
  const details = error['metadata'];
  // OpenRouter's moderation answers 403 with what was flagged; so do providers behind it, in `raw`.
  if (isObject(details) && (details['flagged_input'] !== undefined || badContent.test(String(details['raw'] ?? '')))) {
    return 'content';
  }
  if (message !== undefined && (status === 400 || status === 403) && badContent.test(message)) return 'content';
  if (message !== undefined && status === 400 && badKey.test(message)) return 'credential';
  if (message !== undefined && (status === 400 || status === 413 || status === 422) && saysTooLong(message))
    return 'context';
  // A type says less than a status does: OpenAI's own 401 has the type invalid_request_error.
  if (status === 0 && type === 'invalid_request_error') return 'caller';
  return status === 0 || status === 400 ? known(type) : undefined;
}

function messageOf(error: JsonObject): string | undefined {
  for (const key of ['message', 'error', 'detail', 'status_msg', 'title']) {
    const value = error[key];
    if (typeof value === 'string' && value !== '') return value;
    if (Array.isArray(value) && value.length > 0) {
      return value
        .map((item) =>
          isObject(item)
            ? [field(item['loc']), item['msg'] ?? item['message']].filter(Boolean).join(': ')
            : String(item),
        )
        .join('; ');
    }
  }
  const errors = error['errors'];
  return Array.isArray(errors) && isObject(errors[0]) ? messageOf(errors[0]) : undefined;
}

/** FastAPI's `loc`, without its first step. */
const field = (loc: unknown): string => (Array.isArray(loc) ? loc.slice(1).join('.') : '');

function codeOf(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && codeLike.test(value) ? value : undefined;
}

/** An HTTP status that an error names itself. */
function statusOf(error: JsonObject): number {
  for (const key of ['status_code', 'status', 'code']) {
    const value = Number(error[key]);
    if (Number.isInteger(value) && value >= 400 && value < 600) return value;
  }
  return 0;
}
