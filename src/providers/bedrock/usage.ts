import type { Usage } from '../../../gen/es/llmbridge/v1/usage_pb.ts';
import { count, type JsonObject } from '../shared/json-body.ts';
import { leftovers } from '../shared/leftovers.ts';
import { extraOf } from './dialect.ts';

const typed = new Set([
  'inputTokens',
  'outputTokens',
  'totalTokens',
  'cacheReadInputTokens',
  'cacheWriteInputTokens',
  // Older names of the same counts, sent beside them.
  'cacheReadInputTokenCount',
  'cacheWriteInputTokenCount',
]);

/** Normalized usage: `inputTokens` leaves cached and cache-written tokens out, ours has them in. */
export function usageOf(usage: JsonObject, source: () => string | undefined): Usage {
  const read = count(usage['cacheReadInputTokens']);
  const written = count(usage['cacheWriteInputTokens']);
  const prompt = (count(usage['inputTokens']) ?? 0) + (read ?? 0) + (written ?? 0);
  const completion = count(usage['outputTokens']) ?? 0;
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
    partial: false,
    estimated: false,
    extra: extraOf(leftovers(usage, typed, source)),
  };
}
