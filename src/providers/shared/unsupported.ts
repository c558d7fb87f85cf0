import type { ChatRequest } from '../../kernel/messages.ts';
import type { Notes } from './notes.ts';

/** Parameters that some dialects have nothing like, and whether a request asks for more than the default of each. */
const asked = {
  n: (r) => (r.n ?? 1) > 1,
  seed: (r) => r.seed !== undefined,
  top_k: (r) => r.topK !== undefined,
  presence_penalty: (r) => (r.presencePenalty ?? 0) !== 0,
  frequency_penalty: (r) => (r.frequencyPenalty ?? 0) !== 0,
  logit_bias: (r) => Object.keys(r.logitBias).length > 0,
  logprobs: (r) => r.logprobs === true,
  top_logprobs: (r) => (r.topLogprobs ?? 0) > 0,
  parallel_tool_calls: (r) => r.parallelToolCalls === false,
  modalities: (r) => r.modalities.some((kind) => kind !== 'text'),
  audio: (r) => r.audio !== undefined,
  prediction: (r) => r.prediction !== '',
  service_tier: (r) => r.serviceTier !== undefined && r.serviceTier !== 'auto' && r.serviceTier !== 'default',
  verbosity: (r) => r.verbosity !== undefined,
  user: (r) => r.user !== undefined,
  safety_identifier: (r) => r.safetyIdentifier !== undefined,
  prompt_cache_key: (r) => r.promptCacheKey !== undefined,
  store: (r) => r.store === true,
  metadata: (r) => Object.keys(r.metadata).length > 0,
} satisfies Record<string, (request: ChatRequest) => boolean>;

/** Those that none but OpenAI's own dialect has. */
export const openAiAlone = [
  'logit_bias',
  'parallel_tool_calls',
  'prediction',
  'verbosity',
  'user',
  'safety_identifier',
  'prompt_cache_key',
  'store',
] as const satisfies readonly (keyof typeof asked)[];

/** Those, and what a dialect of one text answer has nothing for. */
export const beyondOneText = [...openAiAlone, 'n', 'modalities', 'audio', 'service_tier', 'metadata'] as const;

/** Notes each of `names` that the request asks for as dropped. */
export function dropUnsupported(request: ChatRequest, names: readonly (keyof typeof asked)[], notes: Notes): void {
  for (const name of names) if (asked[name](request)) notes.dropped(name, 'the provider has nothing like it');
}
