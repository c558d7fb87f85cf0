import type { ChatInput, ProviderSettings } from '../../kernel/adapter.ts';
import { type JsonInput, members, splice, toJson } from '../../kernel/json-text.ts';
import type { ChatRequest } from '../../kernel/messages.ts';
import type { CompatibleProvider } from '../openai-compatible/provider.ts';
import { hasMember } from '../openai-compatible/source-body.ts';
import { mergeExtra } from '../shared/extra.ts';
import type { Notes } from '../shared/notes.ts';
import { dropUnsupported } from '../shared/unsupported.ts';
import { dialect } from './dialect.ts';
import { inputItems } from './input.ts';
import { textFormatOf, toolChoiceOf, toolsOf } from './tools.ts';

/** The body of a request ("Create a model response"). */
export function encodeBody(
  input: ChatInput,
  provider: CompatibleProvider,
  settings: ProviderSettings,
  notes: Notes,
): string {
  const { request } = input;
  const { type, quirks } = provider;
  const model = provider.model === undefined ? input.model : provider.model(input, settings);
  const developerRole = quirks?.developerRole ?? 'developer';
  const items = inputItems(request.messages, { type, developerRole, stored: request.store !== false }, notes);
  const format = textFormatOf(request.responseFormat, notes);
  const { verbosity } = request;
  dropAbsent(request, notes);
  const body = toJson({
    model,
    stream: input.stream ? true : undefined,
    stream_options: streamOptionsOf(input),
    input: items,
    tools: toolsOf(request, type, quirks?.customTools ?? false, notes),
    tool_choice: toolChoiceOf(request, notes),
    parallel_tool_calls: request.parallelToolCalls,
    text: format === undefined && verbosity === undefined ? undefined : { format, verbosity },
    reasoning: reasoningOf(request, notes),
    include: includeOf(request, input.model, provider),
    max_output_tokens: request.maxCompletionTokens ?? request.maxTokens,
    temperature: request.temperature,
    top_p: request.topP,
    top_logprobs: request.topLogprobs,
    service_tier: request.serviceTier,
    user: request.user,
    safety_identifier: request.safetyIdentifier,
    prompt_cache_key: request.promptCacheKey,
    store: request.store,
    metadata: hasMember(request.metadata) ? request.metadata : undefined,
  });
  const extra = { ...request.extra, [type]: ofBoth(request.extra, type) };
  return mergeExtra(body, foreground(extra, type, notes), type, notes);
}

/** What Chat Completions has and Responses has not. */
function dropAbsent(request: ChatRequest, notes: Notes): void {
  dropUnsupported(
    request,
    ['n', 'seed', 'top_k', 'presence_penalty', 'frequency_penalty', 'logit_bias', 'modalities', 'audio', 'prediction'],
    notes,
  );
  if (request.stop.length > 0) notes.dropped('stop', 'the provider has nothing like it');
}

/** Parameters under the provider's name and under the dialect's, which is told more exactly. */
function ofBoth(extra: ChatRequest['extra'], type: string): string {
  const own = extra[dialect] ?? '';
  const provider = extra[type] ?? '';
  return own === '' || provider === '' ? own || provider : splice(provider, Object.fromEntries(members(own)));
}

/** Answers that are made in the background have to be asked for later, which no call of the gateway does. */
function foreground(extra: ChatRequest['extra'], type: string, notes: Notes): ChatRequest['extra'] {
  const result = { ...extra };
  for (const key of ['*', type]) {
    const json = extra[key];
    if (json === undefined || json === '' || !members(json).has('background')) continue;
    notes.refused(`extra.${key}.background`, 'the answer would have to be fetched later');
    result[key] = splice(json, { background: undefined });
  }
  return result;
}

function streamOptionsOf({ request, stream }: ChatInput): JsonInput {
  const padding = request.streamOptions?.includeObfuscation;
  return stream && padding !== undefined ? { include_obfuscation: padding } : undefined;
}

function reasoningOf({ reasoning, reasoningEffort }: ChatRequest, notes: Notes): JsonInput {
  let effort = reasoningEffort;
  let summary = reasoning?.summary;
  if (reasoning?.enabled === false || reasoning?.maxTokens === 0) {
    if (effort === undefined) {
      effort = 'none';
      notes.mapped('reasoning.enabled', 'reasoning.effort "none"');
    }
  } else if (reasoning?.maxTokens !== undefined) {
    notes.dropped('reasoning.max_tokens', 'only an effort can be given');
  }
  // Reasoning is told only where a summary is asked for.
  if (reasoning?.exclude && summary !== undefined) {
    notes.dropped('reasoning.summary', 'reasoning.exclude says otherwise');
    summary = undefined;
  }
  return effort === undefined && summary === undefined ? undefined : { effort, summary };
}

/** Names of models that reason; others refuse to be asked for encrypted reasoning. */
const reasoner = /^(?:o\d|gpt-(?:[5-9]|\d\d)|codex|computer-use|grok)/;

/** What is told only when asked for. Where the provider keeps nothing, reasoning goes on only as the caller brings it back. */
function includeOf(request: ChatRequest, model: string, { model: renamed }: CompatibleProvider): JsonInput {
  const include: string[] = [];
  if (request.logprobs === true || (request.topLogprobs ?? 0) > 0) include.push('message.output_text.logprobs');
  const reasons =
    reasoner.test(model) ||
    request.reasoning !== undefined ||
    (request.reasoningEffort ?? 'none') !== 'none' ||
    (renamed !== undefined && hasEncrypted(request));
  if (request.store === false && reasons) include.push('reasoning.encrypted_content');
  return include.length > 0 ? include : undefined;
}

/** Whether the conversation has encrypted reasoning in it: of a deployment the name says nothing. */
const hasEncrypted = ({ messages }: ChatRequest): boolean =>
  messages.some(({ parts }) => parts.some(({ part }) => part.case === 'reasoning' && part.value.redacted !== ''));
