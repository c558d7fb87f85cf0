import { Collector } from '../../kernel/collect.ts';
import type { ChatResponse } from '../../kernel/messages.ts';
import { malformed, parseObject, utf8 } from '../shared/json-body.ts';
import { Answer } from './answer.ts';

/** Decodes a whole answer (API reference, GenerateContentResponse); it is collected from chunks, as a stream is. */
export function decode(body: Uint8Array): ChatResponse {
  const json = utf8(body);
  const collector = new Collector();
  const emit = collector.add.bind(collector);
  const answer = new Answer(true);
  answer.read(parseObject(json), json, emit);
  answer.end(emit);
  const response = collector.response();
  if (response.choices.length === 0) throw malformed('an answer without a candidate');
  return response;
}
