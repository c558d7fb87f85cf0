import type { Usage } from '../../../gen/es/llmbridge/v1/usage_pb.ts';
import { newCompletionTokensDetails, newPromptTokensDetails, newUsage } from '../../kernel/messages.ts';
import { count, isObject, type JsonObject, list, text } from '../shared/json-body.ts';
import { leftovers } from '../shared/leftovers.ts';
import { extraOf } from './dialect.ts';

const typed = new Set([
  'promptTokenCount',
  'candidatesTokenCount',
  'totalTokenCount',
  'thoughtsTokenCount',
  'cachedContentTokenCount',
  'serviceTier',
]);

/**
 * Normalized usage: what the provider's own tools read is the prompt's too, thoughts are written. `source` is for the
 * counts without a place of their own.
 */
export function usageOf(usage: JsonObject, source: () => string | undefined): Usage {
  const result = countsOf(usage);
  const known = new Set(typed);
  // A list stays whole beside the typed counts where it has kinds that they do not have: films, documents.
  for (const name of ['promptTokensDetails', 'candidatesTokensDetails']) {
    if (list(usage[name]).every((detail) => isObject(detail) && text(detail['modality']) in kinds)) known.add(name);
  }
  result.extra = extraOf(leftovers(usage, known, source));
  return result;
}

/** The counts alone. */
export function countsOf(usage: JsonObject): Usage {
  const thoughts = count(usage['thoughtsTokenCount']);
  const cached = count(usage['cachedContentTokenCount']);
  const prompt = (count(usage['promptTokenCount']) ?? 0) + (count(usage['toolUsePromptTokenCount']) ?? 0);
  const result = newUsage(prompt, (count(usage['candidatesTokenCount']) ?? 0) + (thoughts ?? 0));
  const read = modalities(usage['promptTokensDetails']);
  const written = modalities(usage['candidatesTokensDetails']);
  if (cached !== undefined || read) {
    result.promptTokensDetails = { ...newPromptTokensDetails(), ...read, cachedTokens: cached };
  }
  if (thoughts !== undefined || written) {
    result.completionTokensDetails = { ...newCompletionTokensDetails(), ...written, reasoningTokens: thoughts };
  }
  return result;
}

interface ByKind {
  textTokens?: number;
  imageTokens?: number;
  audioTokens?: number;
}

const kinds: Readonly<Record<string, keyof ByKind>> = {
  TEXT: 'textTokens',
  IMAGE: 'imageTokens',
  AUDIO: 'audioTokens',
};

/** Counts by kind. */
function modalities(details: unknown): ByKind | undefined {
  let result: ByKind | undefined;
  for (const detail of list(details)) {
    if (!isObject(detail)) continue;
    const kind = kinds[text(detail['modality'])];
    const tokens = count(detail['tokenCount']);
    if (kind === undefined || tokens === undefined) continue;
    result ??= {};
    result[kind] = (result[kind] ?? 0) + tokens;
  }
  return result;
}
