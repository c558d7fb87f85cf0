import type { ChatRequest } from '../../kernel/messages.ts';
import { jsonFormatOf } from '../shared/json-format.ts';
import type { Notes } from '../shared/notes.ts';
import type { JsonMembers } from '../shared/turns.ts';
import type { Model } from './model.ts';
import { thinkingConfigOf } from './thinking.ts';

/** The body's `generationConfig`. */
export function generationConfigOf(request: ChatRequest, model: Model, notes: Notes): JsonMembers | undefined {
  const config: JsonMembers = {
    temperature: request.temperature,
    topP: request.topP,
    topK: request.topK,
    maxOutputTokens: request.maxCompletionTokens ?? request.maxTokens,
    stopSequences: request.stop.length > 0 ? request.stop : undefined,
    candidateCount: request.n,
    seed: seedOf(request.seed, notes),
    presencePenalty: request.presencePenalty,
    frequencyPenalty: request.frequencyPenalty,
    responseLogprobs: request.logprobs,
    logprobs: request.topLogprobs,
    responseModalities:
      request.modalities.length > 0 ? request.modalities.map((kind) => kind.toUpperCase()) : undefined,
    speechConfig: speechOf(request, notes),
    thinkingConfig: thinkingConfigOf(request, model, notes),
    ...formatOf(request, notes),
  };
  for (const name in config) if (config[name] !== undefined) return config;
  return undefined;
}

/** The API takes 32 bits. */
function seedOf(seed: bigint | undefined, notes: Notes): number | undefined {
  if (seed === undefined) return undefined;
  if (BigInt.asIntN(32, seed) !== seed) notes.mapped('seed', 'its lowest 32 bits');
  return Number(BigInt.asIntN(32, seed));
}

function speechOf({ audio }: ChatRequest, notes: Notes): JsonMembers | undefined {
  if (audio === undefined) return undefined;
  if (audio.format !== '') notes.dropped('audio.format', 'the provider has one format of its own');
  return audio.voice === '' ? undefined : { voiceConfig: { prebuiltVoiceConfig: { voiceName: audio.voice } } };
}

function formatOf(request: ChatRequest, notes: Notes): JsonMembers | undefined {
  const format = jsonFormatOf(request, notes);
  return format && { responseMimeType: 'application/json', responseJsonSchema: format.schema };
}
