import { FinishReason } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { Usage } from '../../../gen/es/llmbridge/v1/usage_pb.ts';
import { Collector } from '../../kernel/collect.ts';
import { elements, valueAt } from '../../kernel/json-text.ts';
import type { ChatChunk, ChatResponse } from '../../kernel/messages.ts';
import { decodeUsage } from '../openai-compatible/decode-usage.ts';
import { errorFault } from '../openai-compatible/errors.ts';
import { BlockChunks } from '../shared/block-chunks.ts';
import { count, isObject, type JsonObject, list, malformed, parseObject, text, utf8 } from '../shared/json-body.ts';
import { leftovers } from '../shared/leftovers.ts';
import { providerFault } from '../shared/provider-fault.ts';
import { AnswerItems } from './answer-items.ts';
import { dialect } from './dialect.ts';
import { errorCodes } from './errors.ts';

/** Members of a response that have a typed place, and those that only repeat what was asked, at length. */
const known: ReadonlySet<string> = new Set([
  'id',
  'object',
  'created_at',
  'model',
  'output',
  'output_text',
  'status',
  'incomplete_details',
  'error',
  'usage',
  'service_tier',
  'instructions',
  'tools',
]);

/** Decodes a whole response (OpenAI's API reference, "The response object"); it is collected from chunks, as a stream is. */
export function decode(body: Uint8Array, type: string): ChatResponse {
  const json = utf8(body);
  const response = parseObject(json);
  const output = response['output'];
  throwFailed(response);
  if (!Array.isArray(output)) throw malformed('a response without output');

  const collector = new Collector();
  const emit = collector.add.bind(collector);
  const chunks = new BlockChunks(dialect);
  readHead(chunks, response);
  emit(chunks.head());
  const items = new AnswerItems(chunks);
  const sources = elements(valueAt(json, ['output']) ?? '[]');
  for (let i = 0; i < output.length; i++) {
    const item: unknown = output[i];
    if (!isObject(item)) throw malformed('an output item that is not an object');
    items.start(item, emit);
    items.stop(item, sources[i] ?? '{}', emit);
  }
  emit(lastChunk(chunks, response, json, items.calls, type));
  return collector.response();
}

/** What stands for the whole answer, known from its beginning. */
export function readHead(chunks: BlockChunks, response: JsonObject): void {
  chunks.id = text(response['id']) || chunks.id;
  chunks.model = text(response['model']) || chunks.model;
  chunks.created = count(response['created_at']) ?? chunks.created;
  chunks.serviceTier = text(response['service_tier']) || chunks.serviceTier;
}

/** Throws the fault of a response that failed, wherever it came. */
export function throwFailed(response: JsonObject): void {
  const error = response['error'];
  if (isObject(error) || (typeof error === 'string' && error !== '')) throw errorFault(response, errorCodes);
  const status = response['status'];
  if (status === 'failed' || status === 'cancelled')
    throw providerFault({ status: 0, code: status, blame: 'provider' });
}

/** The last chunk: why it ended, what was counted, and all that has no typed place. `source` is the response's text. */
export function lastChunk(
  chunks: BlockChunks,
  response: JsonObject,
  source: string,
  calls: boolean,
  type: string,
): ChatChunk {
  readHead(chunks, response);
  const { reason, native } = endOf(response, calls);
  const chunk = chunks.finish(reason, native, '', {}, usageOf(response, source, type));
  const rest = leftovers(response, known, () => source);
  if (rest !== '') chunk.extra[type] = rest;
  return chunk;
}

/** `status`, and for an incomplete response why. */
function endOf(response: JsonObject, calls: boolean): { reason: FinishReason; native: string } {
  const status = text(response['status']);
  if (status === 'completed' || status === '') {
    return { reason: calls ? FinishReason.TOOL_CALLS : FinishReason.STOP, native: status };
  }
  if (status !== 'incomplete') throw malformed('a response that is not finished');
  const details = response['incomplete_details'];
  const native = (isObject(details) && text(details['reason'])) || status;
  return { reason: native === 'content_filter' ? FinishReason.CONTENT_FILTER : FinishReason.LENGTH, native };
}

/** `usage`, which has other names than Chat Completions' and means the same. */
function usageOf(response: JsonObject, source: string, type: string): Usage | undefined {
  const usage = response['usage'];
  if (!isObject(usage)) return undefined;
  const { input_tokens, input_tokens_details, output_tokens, output_tokens_details, ...rest } = usage;
  const named = {
    ...rest,
    prompt_tokens: input_tokens,
    prompt_tokens_details: input_tokens_details,
    completion_tokens: output_tokens,
    completion_tokens_details: output_tokens_details,
  };
  return decodeUsage(named, type, source, ['usage']);
}

/** The items of a response's output, by index. */
export const outputOf = (response: JsonObject): readonly unknown[] => list(response['output']);
