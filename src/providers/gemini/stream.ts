import type { EmitChunk, Frame, StreamDecoder } from '../../kernel/adapter.ts';
import { Fault } from '../../kernel/fault.ts';
import { parseObject } from '../shared/json-body.ts';
import { Answer } from './answer.ts';

/** Decodes the events of `streamGenerateContent?alt=sse`. There is no last event: a reason for the end makes it whole. */
export class ContentDecoder implements StreamDecoder {
  readonly #answer = new Answer(false);

  push(frame: Frame, emit: EmitChunk): void {
    this.#answer.read(parseObject(frame.data, 'an event that is not a JSON object'), frame.data, emit);
  }

  end(emit: EmitChunk): void {
    if (!this.#answer.ended) {
      throw new Fault('PROVIDER_STREAM_CUT', 'the provider ended the stream before the answer was whole', {
        blame: 'provider',
      });
    }
    this.#answer.end(emit);
  }
}
