import { Collector } from '../../kernel/collect.ts';
import { elements, valueAt } from '../../kernel/json-text.ts';
import type { ChatResponse } from '../../kernel/messages.ts';
import { BlockChunks } from '../shared/block-chunks.ts';
import { isObject, type JsonObject, malformed, parseObject, text, utf8 } from '../shared/json-body.ts';
import { leftovers, picked } from '../shared/leftovers.ts';
import { AnswerBlocks } from './answer-blocks.ts';
import { dialect, extraOf } from './dialect.ts';
import { faultOfEvent } from './fault.ts';
import { finishReason } from './finish.ts';
import { usageOf } from './usage.ts';

/** Members of a message that have a typed place, or stand with the choice. */
export const messageMembers: ReadonlySet<string> = new Set([
  'id',
  'type',
  'role',
  'model',
  'content',
  'usage',
  'stop_reason',
  'stop_sequence',
  'stop_details',
]);

/** What tells more of the end than the reason. */
export const endMembers: ReadonlySet<string> = new Set(['stop_sequence', 'stop_details']);

/** Why the model declined, in the provider's words. */
export function refusalOf(end: JsonObject): string {
  const details = end['stop_details'];
  return isObject(details) ? text(details['explanation']) : '';
}

/** Decodes a whole message (Messages API reference, "Create a Message"); it is collected from chunks, as a stream is. */
export function decode(body: Uint8Array): ChatResponse {
  const json = utf8(body);
  const message = parseObject(json);
  if (message['type'] === 'error') throw faultOfEvent(message);
  const content = message['content'];
  if (!Array.isArray(content)) throw malformed('a message without content');
  const source = () => json;

  const collector = new Collector();
  const emit = collector.add.bind(collector);
  const chunks = new BlockChunks(dialect);
  chunks.id = text(message['id']);
  chunks.model = text(message['model']);
  const usage = message['usage'];
  if (isObject(usage)) chunks.serviceTier = text(usage['service_tier']);

  const blocks = new AnswerBlocks(chunks);
  const sources = elements(valueAt(json, ['content']) ?? '[]');
  for (let i = 0; i < content.length; i++) {
    const block: unknown = content[i];
    if (!isObject(block)) throw malformed('a content block that is not an object');
    blocks.whole(block, sources[i] ?? '{}', emit);
  }

  const native = text(message['stop_reason']);
  const last = chunks.finish(
    finishReason(native),
    native,
    refusalOf(message),
    extraOf(picked(message, endMembers, source)),
    isObject(usage) ? usageOf(usage, () => valueAt(json, ['usage'])) : undefined,
  );
  last.extra = extraOf(leftovers(message, messageMembers, source));
  emit(last);
  return collector.response();
}
