import type { EmitChunk, Frame, StreamDecoder } from '../../kernel/adapter.ts';
import { parseObject } from '../shared/json-body.ts';
import { streamCut } from '../shared/provider-fault.ts';
import { Answer } from './answer.ts';

/** Decodes the lines of a streamed answer; `done` alone makes it whole. */
export class LineDecoder implements StreamDecoder {
  readonly #answer = new Answer();

  push(frame: Frame, emit: EmitChunk): void {
    this.#answer.read(parseObject(frame.data, 'a line that is not a JSON object'), frame.data, emit);
  }

  end(): void {
    if (!this.#answer.done) throw streamCut();
  }
}
