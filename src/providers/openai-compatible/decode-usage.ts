import type { Usage } from '../../../gen/es/llmbridge/v1/usage_pb.ts';
import { newCompletionTokensDetails, newPromptTokensDetails, newUsage } from '../../kernel/messages.ts';
import { count, isObject, type JsonObject } from '../shared/json-body.ts';
import { unknownFields } from './unknown-fields.ts';

const known: ReadonlySet<string> = new Set([
  'prompt_tokens',
  'completion_tokens',
  'total_tokens',
  'prompt_tokens_details',
  'completion_tokens_details',
  'reasoning_tokens',
  'cached_tokens',
  'prompt_cache_hit_tokens',
  'prompt_cache_miss_tokens',
  'cache_creation_input_tokens',
  'cache_read_input_tokens',
]);
const none: JsonObject = {};

/** The first of the values that is a count. */
function firstCount(...values: readonly unknown[]): number | undefined {
  for (const value of values) {
    const found = count(value);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * `usage` of an answer, counted the contract's way. Providers differ in two things: some count reasoning outside
 * `completion_tokens` (told by a total that holds only with it), and cached tokens have several names.
 */
export function decodeUsage(usage: JsonObject, type: string, json: string, path: readonly (string | number)[]): Usage {
  const prompt = usage['prompt_tokens_details'];
  const completion = usage['completion_tokens_details'];
  const read = isObject(prompt) ? prompt : none;
  const written = isObject(completion) ? completion : none;
  const reasoning = firstCount(written['reasoning_tokens'], usage['reasoning_tokens']);

  const promptTokens = count(usage['prompt_tokens']) ?? 0;
  let completionTokens = count(usage['completion_tokens']) ?? 0;
  const total = count(usage['total_tokens']);
  if (reasoning !== undefined && reasoning > 0 && total === promptTokens + completionTokens + reasoning) {
    completionTokens += reasoning;
  }
  const result = newUsage(promptTokens, completionTokens);

  const cached = firstCount(
    read['cached_tokens'],
    usage['prompt_cache_hit_tokens'],
    usage['cached_tokens'],
    usage['cache_read_input_tokens'],
  );
  const cacheWrite = firstCount(read['cache_write_tokens'], usage['cache_creation_input_tokens']);
  if (read !== none || cached !== undefined || cacheWrite !== undefined) {
    const details = newPromptTokensDetails();
    details.cachedTokens = cached;
    details.cacheWriteTokens = cacheWrite;
    details.audioTokens = count(read['audio_tokens']);
    details.imageTokens = count(read['image_tokens']);
    details.textTokens = count(read['text_tokens']);
    result.promptTokensDetails = details;
  }
  if (written !== none || reasoning !== undefined) {
    const details = newCompletionTokensDetails();
    details.reasoningTokens = reasoning;
    details.audioTokens = count(written['audio_tokens']);
    details.imageTokens = count(written['image_tokens']);
    details.textTokens = count(written['text_tokens']);
    details.acceptedPredictionTokens = count(written['accepted_prediction_tokens']);
    details.rejectedPredictionTokens = count(written['rejected_prediction_tokens']);
    result.completionTokensDetails = details;
  }
  const rest = unknownFields(usage, known, json, path);
  if (rest !== '') result.extra[type] = rest;
  return result;
}
