import type { ChunkChoice } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { ToolCall, ToolCallDelta } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import type { Usage } from '../../../gen/es/llmbridge/v1/usage_pb.ts';
import type { ChatChunk, ChatResponse } from '../../kernel/messages.ts';
import { count, isObject, type JsonObject, list } from '../shared/json-body.ts';

/** Finish reasons that need no other word. */
const reasons: ReadonlySet<unknown> = new Set(['stop', 'length', 'tool_calls', 'content_filter']);

/** Members of a message that say in another way what callers look for elsewhere. */
const foreign: readonly string[] = ['reasoning', 'reasoning_details', 'images', 'function_call'];

/** What a message, or a piece of one, says. */
interface Said {
  readonly content: string;
  readonly reasoningContent: string;
  readonly refusal: string;
  readonly toolCalls: readonly (ToolCall | ToolCallDelta)[];
}

/**
 * Whether a whole answer says in OpenAI's own form all that was read from it, so that who reads that form may have it as
 * it came. What it has beyond that form does no harm; `llmbridge` is the gateway's.
 */
export function isOwnAnswer(raw: JsonObject, { choices, usage }: ChatResponse): boolean {
  if (raw['object'] !== 'chat.completion' || 'llmbridge' in raw || !isOwnUsage(raw['usage'], usage)) return false;
  const all = list(raw['choices']);
  for (let i = 0; i < all.length; i++) {
    const choice = all[i];
    const said = choices[i];
    const message = isObject(choice) ? choice['message'] : undefined;
    if (!isObject(choice) || !isObject(message) || said?.message === undefined) return false;
    if (!isOwnChoice(choice, said.index, said.logprobs !== undefined)) return false;
    if (message['role'] !== 'assistant' || !isOwnMessage(message, said.message)) return false;
    if (!ownCalls(message, said.message.toolCalls, false)) return false;
  }
  return true;
}

/** The same of one event of a stream. Usage stands in an event of its own, which can be left out. */
export function isOwnEvent(raw: JsonObject, json: string, { choices, usage }: ChatChunk): boolean {
  if (raw['object'] !== 'chat.completion.chunk' || 'llmbridge' in raw) return false;
  // Of an event in several lines each begins anew.
  if (json.includes('\n')) return false;
  const all = list(raw['choices']);
  if (usage !== undefined && (all.length > 0 || !isOwnUsage(raw['usage'], usage))) return false;
  let at = 0;
  for (const choice of all) {
    const delta = isObject(choice) ? choice['delta'] : undefined;
    if (!isObject(choice) || !isObject(delta) || choice['message'] != null) return false;
    const first = choices[at];
    const said = { content: '', reasoningContent: '', refusal: '', toolCalls: [] as ToolCallDelta[] };
    let hasLogprobs = false;
    // One that could not be said in the order of one piece was read as several.
    for (let piece = first; piece !== undefined && piece.index === first?.index; piece = choices[++at]) {
      add(said, piece);
      hasLogprobs ||= piece.logprobs !== undefined;
    }
    if (first === undefined || !isOwnChoice(choice, first.index, hasLogprobs)) return false;
    if (first.delta?.role !== 0 && delta['role'] !== 'assistant') return false;
    if (!isOwnMessage(delta, said) || !ownCalls(delta, said.toolCalls, true)) return false;
  }
  return true;
}

type Sum = { -readonly [K in keyof Said]: Said[K] } & { toolCalls: ToolCallDelta[] };

function add(sum: Sum, { delta }: ChunkChoice): void {
  if (delta === undefined) return;
  sum.content += delta.content;
  sum.reasoningContent += delta.reasoningContent;
  sum.refusal += delta.refusal;
  for (const call of delta.toolCalls) sum.toolCalls.push(call);
}

function isOwnChoice(raw: JsonObject, index: number, hasLogprobs: boolean): boolean {
  const { finish_reason: finish, logprobs } = raw;
  if (raw['index'] !== index || (finish != null && !reasons.has(finish))) return false;
  return logprobs == null || hasLogprobs;
}

function isOwnMessage(raw: JsonObject, { content, reasoningContent, refusal }: Said): boolean {
  for (const name of foreign) if (raw[name] != null) return false;
  return (
    (raw['content'] ?? '') === content &&
    (raw['reasoning_content'] ?? '') === reasoningContent &&
    (raw['refusal'] ?? '') === refusal
  );
}

/** Only a call's first piece has id and name: clients join what comes again. */
function ownCalls(message: JsonObject, said: Said['toolCalls'], streamed: boolean): boolean {
  const calls = list(message['tool_calls']);
  if (calls.length !== said.length) return false;
  for (let i = 0; i < calls.length; i++) {
    const raw = calls[i];
    const call = said[i];
    const body = isObject(raw) ? raw['function'] : undefined;
    if (call === undefined || !isObject(raw) || !isObject(body)) return false;
    if (streamed && raw['index'] !== (call as ToolCallDelta).index) return false;
    if ((raw['id'] ?? '') !== call.id || (body['name'] ?? '') !== call.name) return false;
    if ((body['arguments'] ?? '') !== call.arguments) return false;
    if ((call.id !== '' || call.name !== '') && raw['type'] !== 'function') return false;
    // What only this provider knows of a call goes back to no other, so it has to be told as its own.
    for (const _ in call.extra) return false;
  }
  return true;
}

function isOwnUsage(raw: unknown, usage: Usage | undefined): boolean {
  if (!isObject(raw) || usage === undefined) return false;
  const prompt = isObject(raw['prompt_tokens_details']) ? raw['prompt_tokens_details'] : undefined;
  const completion = isObject(raw['completion_tokens_details']) ? raw['completion_tokens_details'] : undefined;
  return (
    raw['prompt_tokens'] === usage.promptTokens &&
    raw['completion_tokens'] === usage.completionTokens &&
    raw['total_tokens'] === usage.totalTokens &&
    count(prompt?.['cached_tokens']) === usage.promptTokensDetails?.cachedTokens &&
    count(prompt?.['cache_write_tokens']) === usage.promptTokensDetails?.cacheWriteTokens &&
    count(completion?.['reasoning_tokens']) === usage.completionTokensDetails?.reasoningTokens
  );
}
