import type { CompletionTokensDetails, PromptTokensDetails, Usage } from '../../../../gen/es/llmbridge/v1/usage_pb.ts';
import { countMember, extraMembers, object, trueMember } from './json-writer.ts';

const own = new Set([
  'prompt_tokens',
  'completion_tokens',
  'total_tokens',
  'prompt_tokens_details',
  'completion_tokens_details',
  'partial',
  'estimated',
]);

/** OpenAI's `usage`; `partial` and `estimated` stand in it only where true. */
export function usageJson(usage: Usage): string {
  const { promptTokensDetails: prompt, completionTokensDetails: completion } = usage;
  return object(
    `"prompt_tokens":${usage.promptTokens},"completion_tokens":${usage.completionTokens},"total_tokens":${usage.totalTokens},` +
      (prompt === undefined ? '' : `"prompt_tokens_details":${promptJson(prompt)},`) +
      (completion === undefined ? '' : `"completion_tokens_details":${completionJson(completion)},`) +
      trueMember('partial', usage.partial) +
      trueMember('estimated', usage.estimated) +
      extraMembers(usage.extra, own),
  );
}

const promptJson = (details: PromptTokensDetails): string =>
  object(
    countMember('cached_tokens', details.cachedTokens) +
      countMember('cache_write_tokens', details.cacheWriteTokens) +
      countMember('audio_tokens', details.audioTokens) +
      countMember('image_tokens', details.imageTokens) +
      countMember('text_tokens', details.textTokens),
  );

const completionJson = (details: CompletionTokensDetails): string =>
  object(
    countMember('reasoning_tokens', details.reasoningTokens) +
      countMember('audio_tokens', details.audioTokens) +
      countMember('image_tokens', details.imageTokens) +
      countMember('text_tokens', details.textTokens) +
      countMember('accepted_prediction_tokens', details.acceptedPredictionTokens) +
      countMember('rejected_prediction_tokens', details.rejectedPredictionTokens),
  );
