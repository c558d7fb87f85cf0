import type { ChatInput, EncodedRequest, ProviderSettings } from '../../kernel/adapter.ts';
import { toJson } from '../../kernel/json-text.ts';
import type { ChatRequest } from '../../kernel/messages.ts';
import { mergeExtra } from '../shared/extra.ts';
import { jsonFormatOf } from '../shared/json-format.ts';
import { Notes } from '../shared/notes.ts';
import type { JsonMembers } from '../shared/turns.ts';
import { beyondOneText, dropUnsupported } from '../shared/unsupported.ts';
import { dialect } from './dialect.ts';
import { messagesOf } from './messages.ts';
import { toolsOf } from './tools.ts';

/** The path below which the versions of the API are. */
export const home = ({ basePath }: ProviderSettings): string => basePath.replace(/\/v\d$/, '');

export const headersOf = (settings: ProviderSettings, apiKey: string): Readonly<Record<string, string>> => ({
  'content-type': 'application/json',
  authorization: `Bearer ${apiKey}`,
  ...settings.headers,
});

/** Encodes a request of `/v2/chat`. */
export function encode({ request, model, apiKey, stream }: ChatInput, settings: ProviderSettings): EncodedRequest {
  const notes = new Notes();
  dropUnsupported(request, [...beyondOneText, 'top_logprobs'], notes);
  const format = jsonFormatOf(request, notes);
  const body = toJson({
    model,
    stream: stream || undefined,
    messages: messagesOf(request.messages, notes),
    ...toolsOf(request, notes),
    max_tokens: request.maxCompletionTokens ?? request.maxTokens,
    temperature: request.temperature,
    p: request.topP,
    k: request.topK,
    stop_sequences: request.stop.length > 0 ? request.stop : undefined,
    seed: request.seed === undefined ? undefined : Number(request.seed),
    presence_penalty: request.presencePenalty,
    frequency_penalty: request.frequencyPenalty,
    logprobs: request.logprobs,
    response_format: format && { type: 'json_object', json_schema: format.schema },
    thinking: thinkingOf(request, notes),
  });
  return {
    method: 'POST',
    path: `${home(settings)}/v2/chat`,
    headers: { accept: stream ? 'text/event-stream' : 'application/json', ...headersOf(settings, apiKey) },
    body: mergeExtra(body, request.extra, dialect, notes),
    notes: notes.all,
  };
}

/** The model thinks or does not, within a budget where there is one. */
function thinkingOf({ reasoningEffort: effort, reasoning }: ChatRequest, notes: Notes): JsonMembers | undefined {
  const { maxTokens: budget, enabled, exclude, summary } = reasoning ?? {};
  if (effort === 'none' || enabled === false || budget === 0) return { type: 'disabled' };
  if (exclude === true) notes.dropped('reasoning.exclude', 'the provider always tells its thinking');
  if (summary !== undefined) notes.dropped('reasoning.summary');
  if (effort !== undefined) notes.mapped('reasoning_effort', 'thinking, of whatever depth');
  if (effort === undefined && enabled !== true && budget === undefined) return undefined;
  return { type: 'enabled', token_budget: budget };
}
