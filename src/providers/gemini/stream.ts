import type { EmitChunk, Frame, StreamDecoder } from '../../kernel/adapter.ts';
import { parseObject } from '../shared/json-body.ts';
import { streamCut } from '../shared/provider-fault.ts';
import { Answer } from './answer.ts';

/**
 * Decodes the events of `streamGenerateContent?alt=sse`. There is no last event: a reason for the end makes it whole, as
 * long as the body has an end of its own.
 */
export class ContentDecoder implements StreamDecoder {
  readonly #answer = new Answer(false);

  push(frame: Frame, emit: EmitChunk): void {
    this.#answer.read(parseObject(frame.data, 'an event that is not a JSON object'), frame.data, emit);
  }

  end(emit: EmitChunk, broken = false): void {
    if (broken || !this.#answer.ended) throw streamCut();
    this.#answer.end(emit);
  }
}
