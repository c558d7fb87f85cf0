import type { Logprobs, TokenLogprob, TopLogprob } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { isObject, type JsonObject, list, text } from '../shared/json-body.ts';

/** `logprobs` of a choice; undefined where it holds nothing in OpenAI's form. */
export function decodeLogprobs(logprobs: JsonObject): Logprobs | undefined {
  const content = list(logprobs['content']);
  const refusal = list(logprobs['refusal']);
  if (content.length === 0 && refusal.length === 0) return undefined;
  return {
    $typeName: 'llmbridge.v1.Logprobs',
    content: content.filter(isObject).map(tokenLogprob),
    refusal: refusal.filter(isObject).map(tokenLogprob),
  };
}

const tokenLogprob = (token: JsonObject): TokenLogprob => ({
  $typeName: 'llmbridge.v1.TokenLogprob',
  token: text(token['token']),
  logprob: probability(token['logprob']),
  bytes: bytesOf(token['bytes']),
  topLogprobs: list(token['top_logprobs']).filter(isObject).map(topLogprob),
});

const topLogprob = (token: JsonObject): TopLogprob => ({
  $typeName: 'llmbridge.v1.TopLogprob',
  token: text(token['token']),
  logprob: probability(token['logprob']),
  bytes: bytesOf(token['bytes']),
});

const probability = (value: unknown): number => (typeof value === 'number' ? value : 0);

const bytesOf = (value: unknown): Uint8Array<ArrayBuffer> | undefined =>
  Array.isArray(value) ? Uint8Array.from(value as number[]) : undefined;
