import { Collector } from '../../kernel/collect.ts';
import { elements, valueAt } from '../../kernel/json-text.ts';
import type { ChatResponse } from '../../kernel/messages.ts';
import { isObject, list, malformed, parseObject, text, utf8 } from '../shared/json-body.ts';
import { joined, leftovers } from '../shared/leftovers.ts';
import { Answer } from './answer.ts';
import { extraOf } from './dialect.ts';

const typed = {
  answer: new Set(['id', 'message', 'finish_reason', 'usage', 'logprobs']),
  message: new Set(['role', 'content', 'tool_plan', 'tool_calls', 'citations']),
};

/** Decodes a whole answer (Cohere's API, "Chat", version 2); it is collected from chunks, as a stream is. */
export function decode(body: Uint8Array): ChatResponse {
  const json = utf8(body);
  const response = parseObject(json);
  const message = response['message'];
  if (!isObject(message)) throw malformed('an answer without a message');
  const collector = new Collector();
  const emit = collector.add.bind(collector);
  const answer = new Answer();
  answer.chunks.id = text(response['id']);
  const sources = (name: string) => elements(valueAt(json, ['message', name]) ?? '[]');

  const blocks = list(message['content']);
  const blockSources = blocks.length > 0 ? sources('content') : [];
  blocks.forEach((block, index) => {
    if (!isObject(block)) throw malformed('a content block that is not an object');
    answer.content(block, () => blockSources[index] ?? '{}', emit);
  });
  const citations = list(message['citations']);
  if (citations.length > 0) answer.cite(citations, valueAt(json, ['message', 'citations']) ?? '[]', emit);
  answer.logprobs(response['logprobs'], emit);
  answer.plan(text(message['tool_plan']), emit);
  const calls = list(message['tool_calls']);
  const callSources = calls.length > 0 ? sources('tool_calls') : [];
  calls.forEach((call, index) => {
    if (isObject(call)) answer.call(call, () => callSources[index] ?? '{}', emit);
  });

  const last = answer.finish(response, () => json, emit);
  last.extra = extraOf(
    joined(
      leftovers(response, typed.answer, () => json),
      leftovers(message, typed.message, () => valueAt(json, ['message'])),
    ),
  );
  emit(last);
  return collector.response();
}
