import { type Framer, maxFrameBytes, type OnFrame } from './framer.ts';
import { isWhole, type LineSink, LineSplitter } from './lines.ts';

/** JSON texts, one a line; blank lines are passed over. A last line without an end counts if it is whole. */
export class NdjsonFramer implements Framer, LineSink {
  readonly #lines: LineSplitter;
  #onFrame: OnFrame | undefined;
  #ending = false;

  constructor(limit = maxFrameBytes) {
    this.#lines = new LineSplitter(this, limit);
  }

  push(bytes: Uint8Array, onFrame: OnFrame): void {
    this.#onFrame = onFrame;
    this.#lines.push(bytes);
  }

  end(onFrame: OnFrame): void {
    this.#onFrame = onFrame;
    this.#ending = true;
    this.#lines.end();
  }

  line(bytes: Buffer, start: number, end: number): void {
    const data = bytes.toString('utf8', start, end).trim();
    if (data === '' || (this.#ending && !isWhole(data))) return;
    this.#onFrame?.({ event: '', data });
  }
}
