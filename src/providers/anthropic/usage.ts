import type { Usage } from '../../../gen/es/llmbridge/v1/usage_pb.ts';
import { count, isObject, type JsonObject } from '../shared/json-body.ts';
import { leftovers } from '../shared/leftovers.ts';
import { extraOf } from './dialect.ts';

const typed = new Set([
  'input_tokens',
  'output_tokens',
  'cache_read_input_tokens',
  'cache_creation_input_tokens',
  'service_tier',
]);

/** Normalized usage: `input_tokens` leaves cached and cache-written tokens out, ours has them in. */
export function usageOf(usage: JsonObject, source: () => string | undefined): Usage {
  const read = count(usage['cache_read_input_tokens']);
  const written = count(usage['cache_creation_input_tokens']);
  const prompt = (count(usage['input_tokens']) ?? 0) + (read ?? 0) + (written ?? 0);
  const completion = count(usage['output_tokens']) ?? 0;
  const details = usage['output_tokens_details'];
  const thinking = isObject(details) ? count(details['thinking_tokens']) : undefined;
  return {
    $typeName: 'llmbridge.v1.Usage',
    promptTokens: prompt,
    completionTokens: completion,
    totalTokens: prompt + completion,
    ...((read !== undefined || written !== undefined) && {
      promptTokensDetails: {
        $typeName: 'llmbridge.v1.PromptTokensDetails',
        ...(read !== undefined && { cachedTokens: read }),
        ...(written !== undefined && { cacheWriteTokens: written }),
      },
    }),
    ...(thinking !== undefined && {
      completionTokensDetails: { $typeName: 'llmbridge.v1.CompletionTokensDetails', reasoningTokens: thinking },
    }),
    partial: false,
    estimated: false,
    extra: extraOf(leftovers(usage, typed, source)),
  };
}
