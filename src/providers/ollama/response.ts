import { Collector } from '../../kernel/collect.ts';
import type { ChatResponse } from '../../kernel/messages.ts';
import { malformed, parseObject, utf8 } from '../shared/json-body.ts';
import { Answer } from './answer.ts';

/** Decodes a whole answer; it is collected from chunks, as a stream is. */
export function decode(body: Uint8Array): ChatResponse {
  const json = utf8(body);
  const collector = new Collector();
  const answer = new Answer();
  answer.read(parseObject(json), json, collector.add.bind(collector));
  if (!answer.done) throw malformed('an answer that is not done');
  return collector.response();
}
