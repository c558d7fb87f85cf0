import type { HttpFailure } from '../../kernel/adapter.ts';
import type { Blame, Fault } from '../../kernel/fault.ts';
import { type JsonObject, text, tryParseObject, utf8 } from '../shared/json-body.ts';
import { faultOfFailure, type ProviderError, providerFault, saysTooLong } from '../shared/provider-fault.ts';
import { header } from '../shared/retry-after.ts';

/** Exceptions of the runtime API and of AWS in general: the status of each, and whose doing it is. */
const exceptions: Readonly<Record<string, { status: number; blame: Blame }>> = {
  validation: { status: 400, blame: 'caller' },
  servicequotaexceeded: { status: 400, blame: 'limit' },
  accessdenied: { status: 403, blame: 'credential' },
  unrecognizedclient: { status: 403, blame: 'credential' },
  invalidsignature: { status: 403, blame: 'credential' },
  incompletesignature: { status: 403, blame: 'credential' },
  missingauthenticationtoken: { status: 403, blame: 'credential' },
  invalidclienttokenid: { status: 403, blame: 'credential' },
  expiredtoken: { status: 403, blame: 'credential' },
  resourcenotfound: { status: 404, blame: 'target' },
  modeltimeout: { status: 408, blame: 'provider' },
  conflict: { status: 409, blame: 'provider' },
  modelerror: { status: 424, blame: 'provider' },
  modelstreamerror: { status: 424, blame: 'provider' },
  throttling: { status: 429, blame: 'limit' },
  toomanyrequests: { status: 429, blame: 'limit' },
  modelnotready: { status: 429, blame: 'provider' },
  internalserver: { status: 500, blame: 'provider' },
  internalfailure: { status: 500, blame: 'provider' },
  serviceunavailable: { status: 503, blame: 'provider' },
};

/** A name as `x-amzn-errortype` and `__type` write it, without a namespace before it and a URL behind. */
const bareName = (name: string): string => name.replace(/:.*$/s, '').replace(/^.*#/s, '');

/** Names come in either case, with one of several endings. */
const known = (name: string) => {
  const stem = name.toLowerCase().replace(/exception$/, '');
  return exceptions[stem] ?? exceptions[stem.replace(/(error|fault)$/, '')];
};

function read(
  name: string,
  body: JsonObject | undefined,
): Omit<ProviderError, 'status'> & { status: number | undefined } {
  const message = text(body?.['message']) || text(body?.['Message']);
  const code = bareName(name || text(body?.['__type']) || text(body?.['code']));
  const exception = known(code);
  return { status: exception?.status, message, code, blame: blameOf(exception?.blame, message) };
}

function blameOf(blame: Blame | undefined, message: string): Blame | undefined {
  if (blame === 'caller' && saysTooLong(message)) return 'context';
  if (blame === 'caller' && /blocked by (our|the|your) content filter/i.test(message)) return 'content';
  // The model's name is what is wrong here, or that the account may not use it; the key is good.
  if (blame === 'caller' && /model identifier is invalid|on-demand throughput/i.test(message)) return 'target';
  if (blame === 'credential' && /access to the model/i.test(message)) return 'target';
  return blame;
}

/** Classifies an answer that is no success; its exception is named by `x-amzn-errortype`. */
export function fault(failure: HttpFailure): Fault {
  const name = header(failure.headers, 'x-amzn-errortype') ?? '';
  const { status: _, ...error } = read(name, tryParseObject(utf8(failure.body)));
  return faultOfFailure(failure, error);
}

/** The fault of an exception amid a stream: the status is what it would have come with. */
export function faultOfException(name: string, data: string): Fault {
  const { status, ...error } = read(name === 'error' ? '' : name, tryParseObject(data));
  return providerFault({ ...error, blame: error.blame ?? 'provider', status: status ?? 0 });
}
