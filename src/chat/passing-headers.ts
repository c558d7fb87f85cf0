import { ParameterAction, type ParameterNote } from '../../gen/es/llmbridge/v1/report_pb.ts';
import type { EncodedRequest } from '../kernel/adapter.ts';
import type { Call } from '../kernel/call.ts';
import type { Provider, Target } from '../kernel/provider.ts';
import type { ResponseHeaders } from '../kernel/upstream.ts';

/** What HTTP/1, HTTP/2 and gRPC metadata all carry. */
const plain = /^[\x20-\x7e]*$/;

const textOf = (value: string | string[] | undefined): string | undefined => {
  const text = Array.isArray(value) ? value.join(', ') : value;
  return text !== undefined && plain.test(text) ? text : undefined;
};

/** Adds the caller's headers that the configuration lets through; what the gateway says itself is not replaced. */
export function withCallerHeaders(request: EncodedRequest, call: Call, { forwards }: Provider): EncodedRequest {
  if (forwards === undefined || forwards.request.length === 0) return request;
  const headers: Record<string, string> = {};
  for (const name of forwards.request) {
    const value = textOf(call.headers[name]);
    if (value !== undefined) headers[name] = value;
  }
  return { ...request, headers: { ...headers, ...request.headers } };
}

/** What an attempt said; how the cache served the call is no attempt's word. */
const ours = /^x-(?:llmbridge-(?!cache$)|provider-)/;
const requestId = /(?:^|-)request-?id$/;

/** The name under which a provider's own header reaches callers: its limits and request ids, whatever it calls them. */
function renamed(name: string): string | undefined {
  const limit = name.indexOf('ratelimit-');
  if (limit >= 0) return `x-provider-${name.slice(limit)}`;
  return requestId.test(name) ? 'x-provider-request-id' : undefined;
}

/** Tells the caller the limits and the request id of a provider that failed, unless another answers. */
export function tellFailure(call: Call, headers: ResponseHeaders): void {
  if (!('x-llmbridge-provider' in call.replyHeaders)) tellProvider(call, headers);
}

/** Instead of what an attempt before said. */
function tellProvider(call: Call, headers: ResponseHeaders): void {
  const reply = call.replyHeaders;
  for (const name in reply) if (ours.test(name)) delete reply[name];
  // What is said beside a sealed reply, anyone on the way can read.
  if (call.sealedBy !== '') return;
  for (const name in headers) {
    const told = renamed(name);
    if (told === undefined || told in reply) continue;
    const value = textOf(headers[name]);
    if (value !== undefined) reply[told] = value;
  }
}

const verbs: Readonly<Record<number, string>> = {
  [ParameterAction.MAPPED]: 'mapped',
  [ParameterAction.DROPPED]: 'dropped',
  [ParameterAction.REFUSED]: 'refused',
};

/** In characters. Proxies and clients refuse long headers; the report has all. */
const mostNotes = 2_000;

const escaped = (name: string): string =>
  encodeURIComponent(name.toWellFormed()).replace(/%(?:5B|5D|3A|2F)/g, decodeURIComponent);

/** `dropped=top_k, mapped=reasoning_effort`: one entry a parameter, the name percent-encoded; `more` counts the rest. */
function notesText(notes: readonly ParameterNote[]): string {
  const entries = [...new Set(notes.map(({ action, name }) => `${verbs[action] ?? 'changed'}=${escaped(name)}`))];
  let text = '';
  for (const [told, entry] of entries.entries()) {
    if (text.length + entry.length > mostNotes) return `${text}${text && ', '}more=${entries.length - told}`;
    text += (text && ', ') + entry;
  }
  return text;
}

/** Tells the caller who answers, and what became of its parameters. */
export function tellWho(call: Call, provider: string, model: string, notes: readonly ParameterNote[]): void {
  if (call.sealedBy !== '') return;
  const reply = call.replyHeaders;
  reply['x-llmbridge-provider'] = provider;
  reply['x-llmbridge-model'] = escaped(model);
  if (notes.length > 0) reply['x-llmbridge-parameters'] = notesText(notes);
}

/** Tells the caller who answers, what became of its parameters, and what the provider says beside the answer. */
export function tellAnswer(
  call: Call,
  { provider, model }: Target,
  notes: readonly ParameterNote[],
  headers: ResponseHeaders,
): void {
  tellProvider(call, headers);
  if (call.sealedBy !== '') return;
  tellWho(call, provider.name, model, notes);
  for (const name of provider.forwards?.response ?? []) {
    const value = textOf(headers[name]);
    if (value !== undefined) call.replyHeaders[name] = value;
  }
}
