import type { Blame } from '../../../kernel/fault.ts';
import { isObject, type JsonObject, text } from '../../shared/json-body.ts';
import type { ProviderError } from '../../shared/provider-fault.ts';

const blames: Readonly<Record<number, Blame>> = {
  1000: 'provider',
  1001: 'provider',
  1002: 'limit',
  1004: 'credential',
  1008: 'credential',
  1013: 'provider',
  1024: 'provider',
  1026: 'content',
  1027: 'content',
  1033: 'provider',
  1039: 'limit',
  1041: 'limit',
  2013: 'caller',
  2049: 'credential',
  2056: 'credential',
};

/** MiniMax answers errors with status 200 and `base_resp` (platform.minimax.io, error codes). */
export function minimaxError(body: JsonObject): ProviderError | undefined {
  const base = body['base_resp'];
  const code = isObject(base) ? base['status_code'] : undefined;
  if (!isObject(base) || typeof code !== 'number' || code === 0) return undefined;
  return { status: 0, code: String(code), message: text(base['status_msg']), blame: blames[code] ?? 'provider' };
}
