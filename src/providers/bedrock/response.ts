import { Collector } from '../../kernel/collect.ts';
import { elements, valueAt } from '../../kernel/json-text.ts';
import type { ChatResponse } from '../../kernel/messages.ts';
import { BlockChunks } from '../shared/block-chunks.ts';
import { isObject, type JsonObject, list, malformed, parseObject, text, utf8 } from '../shared/json-body.ts';
import { leftovers } from '../shared/leftovers.ts';
import { AnswerBlocks } from './answer-blocks.ts';
import { dialect, extraOf } from './dialect.ts';
import { finishReason } from './finish.ts';
import { usageOf } from './usage.ts';

const typed = new Set(['output', 'stopReason', 'usage', 'serviceTier']);

/** The tier that served the call. */
export function serviceTierOf(answer: JsonObject): string {
  const tier = answer['serviceTier'];
  return isObject(tier) ? text(tier['type']) : '';
}

/** Decodes a whole answer of Converse; it is collected from chunks, as a stream is. */
export function decode(body: Uint8Array): ChatResponse {
  const json = utf8(body);
  const answer = parseObject(json);
  const output = answer['output'];
  const message = isObject(output) ? output['message'] : undefined;
  if (!isObject(message)) throw malformed('an answer without a message');

  const collector = new Collector();
  const emit = collector.add.bind(collector);
  const chunks = new BlockChunks(dialect);
  chunks.serviceTier = serviceTierOf(answer);
  const blocks = new AnswerBlocks(chunks);
  const sources = elements(valueAt(json, ['output', 'message', 'content']) ?? '[]');
  list(message['content']).forEach((block, index) => {
    if (!isObject(block)) throw malformed('a content block that is not an object');
    blocks.whole(block, sources[index] ?? '{}', emit);
  });

  const native = text(answer['stopReason']);
  const usage = answer['usage'];
  const last = chunks.finish(
    finishReason(native),
    native,
    '',
    {},
    isObject(usage) ? usageOf(usage, () => valueAt(json, ['usage'])) : undefined,
  );
  last.extra = extraOf(leftovers(answer, typed, () => json));
  emit(last);
  return collector.response();
}
