import type { Logprobs } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { isObject, list, text } from '../shared/json-body.ts';

/** `logprobs` of an answer, or of an event; a piece of several tokens has their probability together. */
export function logprobsOf(value: unknown): Logprobs | undefined {
  const items = Array.isArray(value) ? value : [value];
  const content = items.filter(isObject).map((item) => ({
    $typeName: 'llmbridge.v1.TokenLogprob' as const,
    token: text(item['text']),
    logprob: list(item['logprobs']).reduce<number>((sum, each) => sum + (typeof each === 'number' ? each : 0), 0),
    topLogprobs: [],
  }));
  return content.length === 0 ? undefined : { $typeName: 'llmbridge.v1.Logprobs', content, refusal: [] };
}
