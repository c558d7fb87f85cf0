import type { Logprobs } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { isObject, type JsonObject, list, text } from '../shared/json-body.ts';

/** A candidate's `logprobsResult`; undefined where it holds nothing. */
export function logprobsOf(result: unknown): Logprobs | undefined {
  if (!isObject(result)) return undefined;
  const chosen = list(result['chosenCandidates']).filter(isObject);
  if (chosen.length === 0) return undefined;
  const top = list(result['topCandidates']);
  return {
    $typeName: 'llmbridge.v1.Logprobs',
    content: chosen.map((candidate, position) => {
      const beside = top[position];
      return {
        $typeName: 'llmbridge.v1.TokenLogprob',
        ...tokenOf(candidate),
        topLogprobs: list(isObject(beside) ? beside['candidates'] : undefined)
          .filter(isObject)
          .map((other) => ({ $typeName: 'llmbridge.v1.TopLogprob', ...tokenOf(other) })),
      };
    }),
    refusal: [],
  };
}

const tokenOf = (candidate: JsonObject) => {
  const logprob = candidate['logProbability'];
  return { token: text(candidate['token']), logprob: typeof logprob === 'number' ? logprob : 0 };
};
