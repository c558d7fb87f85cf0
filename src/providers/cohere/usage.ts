import type { Usage } from '../../../gen/es/llmbridge/v1/usage_pb.ts';
import { newCompletionTokensDetails, newPromptTokensDetails, newUsage } from '../../kernel/messages.ts';
import { count, isObject, type JsonObject } from '../shared/json-body.ts';
import { leftovers } from '../shared/leftovers.ts';
import { extraOf } from './dialect.ts';

const typed = new Set(['tokens', 'cached_tokens']);

/** Normalized usage, of what was counted and not of what is billed. Pictures are counted beside the other input. */
export function usageOf(usage: JsonObject, source: () => string | undefined): Usage {
  const counted = isObject(usage['tokens']) ? usage['tokens'] : usage['billed_units'];
  const tokens = isObject(counted) ? counted : {};
  const images = count(tokens['image_tokens']);
  const cached = count(usage['cached_tokens']);
  const reasoning = count(tokens['reasoning_tokens']);
  const result = newUsage((count(tokens['input_tokens']) ?? 0) + (images ?? 0), count(tokens['output_tokens']) ?? 0);
  if (cached !== undefined || images !== undefined) {
    result.promptTokensDetails = { ...newPromptTokensDetails(), cachedTokens: cached, imageTokens: images };
  }
  if (reasoning !== undefined) {
    result.completionTokensDetails = { ...newCompletionTokensDetails(), reasoningTokens: reasoning };
  }
  result.extra = extraOf(leftovers(usage, typed, source));
  return result;
}
