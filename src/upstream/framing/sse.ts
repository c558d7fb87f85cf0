import { type Framer, maxFrameBytes, type OnFrame } from './framer.ts';
import { isWhole, type LineSink, LineSplitter, tooLarge } from './lines.ts';

const COLON = 0x3a;
const SPACE = 0x20;
const OPEN_BRACE = 0x7b;
const DATA = Buffer.from('data');
const EVENT = Buffer.from('event');

/** Whether a line is of this field: its name, then a colon or nothing. */
function isField(bytes: Buffer, start: number, end: number, name: Buffer): boolean {
  const nameEnd = start + name.length;
  if (nameEnd > end || (nameEnd < end && bytes[nameEnd] !== COLON)) return false;
  for (let i = 0; i < name.length; i++) if (bytes[start + i] !== name[i]) return false;
  return true;
}

/** What follows the colon, without the one space that may stand there. */
function fieldValue(bytes: Buffer, nameEnd: number, end: number): string {
  const from = bytes[nameEnd + 1] === SPACE && nameEnd + 1 < end ? nameEnd + 2 : nameEnd + 1;
  return from < end ? bytes.toString('utf8', from, end) : '';
}

/**
 * Server-sent events (HTML, section 9.2.6). Comments, ids and retry times are passed over. Unlike a browser it hands on
 * a last event that no blank line follows, as providers end streams so; but one whose last line has no end counts only
 * if its data is whole, else it is the rest of a cut. A body that is no stream at all but a JSON object (an error with a
 * success status, or the answer of a server that does not stream) is one event.
 */
export class SseFramer implements Framer, LineSink {
  readonly #lines: LineSplitter;
  readonly #limit: number;
  #onFrame: OnFrame | undefined;
  #event = '';
  /** Undefined until the event has a data line. */
  #data: string | undefined;
  #size = 0;
  #begun = false;
  #isObject = false;

  constructor(limit = maxFrameBytes) {
    this.#limit = limit;
    this.#lines = new LineSplitter(this, limit);
  }

  push(bytes: Uint8Array, onFrame: OnFrame): void {
    this.#onFrame = onFrame;
    this.#lines.push(bytes);
  }

  end(onFrame: OnFrame): void {
    this.#onFrame = onFrame;
    const unended = this.#lines.end();
    if (this.#data === undefined || ((unended || this.#isObject) && !isWhole(this.#data))) return;
    this.#dispatch();
  }

  line(bytes: Buffer, start: number, end: number): void {
    if (this.#isObject) {
      this.#append(bytes.toString('utf8', start, end), end - start);
      return;
    }
    if (start === end) {
      this.#dispatch();
      return;
    }
    if (!this.#begun) {
      this.#begun = true;
      this.#isObject = bytes[start] === OPEN_BRACE;
      if (this.#isObject) this.line(bytes, start, end);
    }
    if (isField(bytes, start, end, DATA)) {
      this.#append(fieldValue(bytes, start + DATA.length, end), end - start);
    } else if (isField(bytes, start, end, EVENT)) {
      this.#event = fieldValue(bytes, start + EVENT.length, end);
    }
  }

  #append(value: string, size: number): void {
    this.#size += size;
    if (this.#size > this.#limit) throw tooLarge();
    this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
  }

  #dispatch(): void {
    const data = this.#data;
    const event = this.#event;
    this.#data = undefined;
    this.#event = '';
    this.#size = 0;
    if (data !== undefined) this.#onFrame?.({ event, data });
  }
}
