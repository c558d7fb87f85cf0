import type { ChatInput, ProviderSettings } from '../../kernel/adapter.ts';
import { RawJson, splice, toJson } from '../../kernel/json-text.ts';
import type { ChatRequest } from '../../kernel/messages.ts';
import { mergeExtra } from '../shared/extra.ts';
import type { Notes } from '../shared/notes.ts';
import { encodeMessages } from './encode-messages.ts';
import { encodeFormat, encodeTools } from './encode-tools.ts';
import type { Body, CompatibleProvider, Quirks } from './provider.ts';
import { hasMember, sourceBody } from './source-body.ts';

/** The body of a request, from the caller's own text where it came in this dialect, else from the message. */
export function encodeBody(
  input: ChatInput,
  provider: CompatibleProvider,
  settings: ProviderSettings,
  quirks: Quirks,
  notes: Notes,
): string {
  const { request } = input;
  const source =
    input.source === undefined ? undefined : sourceBody(input.source, request, provider.type, quirks, notes);
  const body = source ?? messageBody(request, provider.type, quirks, notes);
  body['model'] = provider.model === undefined ? input.model : provider.model(input, settings);
  body['stream'] = input.stream ? true : undefined;
  body['stream_options'] = input.stream && quirks.streamOptions !== false ? streamOptions(body, request) : undefined;
  if (request.topK !== undefined) {
    if (quirks.topK) body['top_k'] = request.topK;
    else notes.dropped('top_k');
  }
  encodeReasoning(request, body, quirks, notes);
  if (source !== undefined && quirks.jsonSchema === false && request.responseFormat !== undefined) {
    body['response_format'] = encodeFormat(request.responseFormat, quirks, notes);
  }
  depart(body, quirks, notes);
  const json = toJson(body);
  // The source has the extras for any provider in it already.
  const extra = source === undefined ? request.extra : { [provider.type]: request.extra[provider.type] ?? '' };
  return mergeExtra(json, extra, provider.type, notes);
}

/** Everything of OpenAI's but what `encodeBody` itself sets. */
function messageBody(request: ChatRequest, type: string, quirks: Quirks, notes: Notes): Body {
  const body: Body = { model: undefined, messages: encodeMessages(request.messages, type, quirks, notes) };
  body[quirks.limit ?? 'max_tokens'] = request.maxCompletionTokens ?? request.maxTokens;
  body['temperature'] = request.temperature;
  body['top_p'] = request.topP;
  if (request.stop.length > 0) body['stop'] = request.stop;
  body['n'] = request.n;
  if (request.seed !== undefined) body['seed'] = new RawJson(String(request.seed));
  body['presence_penalty'] = request.presencePenalty;
  body['frequency_penalty'] = request.frequencyPenalty;
  if (hasMember(request.logitBias)) body['logit_bias'] = request.logitBias;
  body['logprobs'] = request.logprobs;
  body['top_logprobs'] = request.topLogprobs;
  encodeTools(request, body, type, quirks, notes);
  if (request.responseFormat !== undefined)
    body['response_format'] = encodeFormat(request.responseFormat, quirks, notes);
  body['reasoning_effort'] = request.reasoningEffort;
  if (request.modalities.length > 0) body['modalities'] = request.modalities;
  if (request.audio !== undefined) body['audio'] = { voice: request.audio.voice, format: request.audio.format };
  if (request.prediction !== '') body['prediction'] = { type: 'content', content: request.prediction };
  body['service_tier'] = request.serviceTier;
  body['verbosity'] = request.verbosity;
  body['user'] = request.user;
  body['safety_identifier'] = request.safetyIdentifier;
  body['prompt_cache_key'] = request.promptCacheKey;
  body['store'] = request.store;
  if (hasMember(request.metadata)) body['metadata'] = request.metadata;
  return body;
}

/** Usage is always asked for: the gateway accounts by it. */
function streamOptions(body: Body, request: ChatRequest): Body[string] {
  const given = body['stream_options'];
  if (given instanceof RawJson && given.text.startsWith('{')) {
    return new RawJson(splice(given.text, { include_usage: 'true' }));
  }
  return { include_usage: true, include_obfuscation: request.streamOptions?.includeObfuscation };
}

function encodeReasoning(request: ChatRequest, body: Body, quirks: Quirks, notes: Notes): void {
  if (quirks.reasoning !== undefined) {
    quirks.reasoning(request, body, notes);
    return;
  }
  const { reasoning } = request;
  if (reasoning === undefined) return;
  if (reasoning.enabled === false || reasoning.maxTokens === 0) {
    if (request.reasoningEffort === undefined) {
      body['reasoning_effort'] = 'none';
      notes.mapped('reasoning.enabled', 'reasoning_effort "none"');
    }
  } else if (reasoning.maxTokens !== undefined) {
    notes.dropped('reasoning.max_tokens', 'only an effort can be given');
  }
  if (reasoning.exclude) notes.dropped('reasoning.exclude');
  if (reasoning.summary !== undefined) notes.dropped('reasoning.summary');
}

/** Applies what is data in the quirks: names, and what the provider refuses. */
function depart(body: Body, quirks: Quirks, notes: Notes): void {
  if (quirks.limit !== 'max_completion_tokens' && body['max_completion_tokens'] !== undefined) {
    body['max_tokens'] = body['max_completion_tokens'];
    body['max_completion_tokens'] = undefined;
  }
  for (const name in quirks.defaults) body[name] ??= quirks.defaults[name];
  for (const name of quirks.unsupported ?? []) {
    if (body[name] === undefined) continue;
    body[name] = undefined;
    notes.dropped(name);
  }
  for (const name in quirks.renamed) {
    const to = quirks.renamed[name];
    if (to === undefined || body[name] === undefined) continue;
    body[to] = body[name];
    body[name] = undefined;
    notes.mapped(name, to);
  }
}
