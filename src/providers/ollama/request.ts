import type { ChatInput, EncodedRequest, ProviderSettings } from '../../kernel/adapter.ts';
import { type JsonInput, toJson } from '../../kernel/json-text.ts';
import type { ChatRequest } from '../../kernel/messages.ts';
import { mergeExtra } from '../shared/extra.ts';
import { jsonFormatOf } from '../shared/json-format.ts';
import { Notes } from '../shared/notes.ts';
import { beyondOneText, dropUnsupported } from '../shared/unsupported.ts';
import { dialect } from './dialect.ts';
import { messagesOf } from './messages.ts';
import { toolsOf } from './tools.ts';

/** The path of one of the API's methods. */
export const pathOf = ({ basePath }: ProviderSettings, method: string): string =>
  `${basePath}${basePath.endsWith('/api') ? '' : '/api'}/${method}`;

export const headersOf = (settings: ProviderSettings, apiKey: string): Readonly<Record<string, string>> => ({
  'content-type': 'application/json',
  ...(apiKey !== '' && { authorization: `Bearer ${apiKey}` }),
  ...settings.headers,
});

/** Encodes a request of `/api/chat` (Ollama's API, "Generate a chat completion"). */
export function encode({ request, model, apiKey, stream }: ChatInput, settings: ProviderSettings): EncodedRequest {
  const notes = new Notes();
  dropUnsupported(request, beyondOneText, notes);
  const format = jsonFormatOf(request, notes);
  const body = toJson({
    model,
    messages: messagesOf(request.messages, notes),
    // It streams unless told otherwise.
    stream,
    tools: toolsOf(request, notes),
    // Any JSON, or a schema as it was written.
    format: format && (format.schema ?? 'json'),
    think: thinkOf(request, notes),
    logprobs: request.logprobs,
    top_logprobs: request.topLogprobs,
    options: optionsOf(request),
  });
  return {
    method: 'POST',
    path: pathOf(settings, 'chat'),
    headers: { accept: stream ? 'application/x-ndjson' : 'application/json', ...headersOf(settings, apiKey) },
    body: mergeExtra(body, request.extra, dialect, notes),
    notes: notes.all,
  };
}

function optionsOf(request: ChatRequest): JsonInput {
  const options: { [name: string]: JsonInput } = {
    num_predict: request.maxCompletionTokens ?? request.maxTokens,
    temperature: request.temperature,
    top_p: request.topP,
    top_k: request.topK,
    seed: request.seed === undefined ? undefined : Number(request.seed),
    stop: request.stop.length > 0 ? request.stop : undefined,
    presence_penalty: request.presencePenalty,
    frequency_penalty: request.frequencyPenalty,
  };
  for (const name in options) if (options[name] !== undefined) return options;
  return undefined;
}

/** Efforts of other names than the provider's own: the nearest that it knows. */
const nearest: Readonly<Record<string, string>> = { minimal: 'low', xhigh: 'max' };

/** Whether to think, or how hard. */
function thinkOf({ reasoningEffort: effort, reasoning }: ChatRequest, notes: Notes): boolean | string | undefined {
  const { maxTokens: budget, enabled, exclude, summary } = reasoning ?? {};
  if (effort === 'none' || enabled === false || budget === 0) return false;
  if (exclude === true) notes.dropped('reasoning.exclude', 'the provider always tells its thinking');
  if (summary !== undefined) notes.dropped('reasoning.summary');
  if (budget !== undefined) notes.mapped('reasoning.max_tokens', 'think, without a budget');
  if (effort === undefined) return enabled === true || budget !== undefined ? true : undefined;
  const known = nearest[effort];
  if (known !== undefined) notes.mapped('reasoning_effort', known);
  return known ?? effort;
}
