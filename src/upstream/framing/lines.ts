import { Fault } from '../../kernel/fault.ts';
import { maxFrameBytes } from './framer.ts';

const LF = 0x0a;
const CR = 0x0d;

/** Takes whole lines, without their ends; `bytes` is only valid during the call. */
export interface LineSink {
  line(bytes: Buffer, start: number, end: number): void;
}

/**
 * Cuts bytes into lines that end with LF, CR or CRLF (HTML, section 9.2.5), wherever the pieces break. Each byte is
 * looked at once and copied only where its line spans pieces.
 */
export class LineSplitter {
  readonly #sink: LineSink;
  readonly #limit: number;
  /** The beginning of a line that has not ended: `#length` bytes of `#held`. */
  #held = Buffer.alloc(0);
  #length = 0;
  /** The last byte was CR: a LF that follows belongs to it. */
  #afterCr = false;
  #atStart = true;

  constructor(sink: LineSink, limit = maxFrameBytes) {
    this.#sink = sink;
    this.#limit = limit;
  }

  push(piece: Uint8Array): void {
    if (piece.length === 0) return;
    const bytes = Buffer.isBuffer(piece) ? piece : Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    let at = this.#afterCr && bytes[0] === LF ? 1 : 0;
    this.#afterCr = false;
    // CR alone hardly ever occurs: it is searched for once a piece, LF once a line.
    let cr = bytes.indexOf(CR, at);
    while (at < bytes.length) {
      let end = bytes.indexOf(LF, at);
      let next = end + 1;
      if (cr !== -1 && (end === -1 || cr < end)) {
        end = cr;
        next = bytes[cr + 1] === LF ? cr + 2 : cr + 1;
        this.#afterCr = next === bytes.length && next === cr + 1;
        cr = bytes.indexOf(CR, next);
      }
      if (end === -1) {
        this.#hold(bytes, at);
        return;
      }
      this.#emit(bytes, at, end);
      at = next;
    }
  }

  /** Hands on a last line without an end; false if there is none. */
  end(): boolean {
    if (this.#length === 0) return false;
    this.#emit(this.#held, 0, 0);
    return true;
  }

  #emit(bytes: Buffer, start: number, end: number): void {
    if (this.#length > 0) {
      if (end > start) this.#hold(bytes, start, end);
      const length = this.#length;
      this.#length = 0;
      this.#line(this.#held, 0, length);
    } else {
      this.#line(bytes, start, end);
    }
  }

  #line(bytes: Buffer, start: number, end: number): void {
    let from = start;
    if (this.#atStart) {
      this.#atStart = false;
      // A byte order mark.
      if (end - start >= 3 && bytes[start] === 0xef && bytes[start + 1] === 0xbb && bytes[start + 2] === 0xbf)
        from += 3;
    }
    this.#sink.line(bytes, from, end);
  }

  #hold(bytes: Buffer, start: number, end = bytes.length): void {
    const length = this.#length + end - start;
    if (length > this.#limit) throw tooLarge();
    if (length > this.#held.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(1024, 2 * length));
      this.#held.copy(grown, 0, 0, this.#length);
      this.#held = grown;
    }
    bytes.copy(this.#held, this.#length, start, end);
    this.#length = length;
  }
}

export const tooLarge = (): Fault =>
  new Fault('PROVIDER_MALFORMED', 'the provider sent an event that is too large', { blame: 'provider' });

/** Whether the data of a frame that the body's end cut off from its line end is nevertheless whole. */
export function isWhole(data: string): boolean {
  if (data.trim() === '[DONE]') return true;
  try {
    JSON.parse(data);
    return true;
  } catch {
    return false;
  }
}
