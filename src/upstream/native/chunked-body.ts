import { FieldKind, field, mayBegin, readField } from './header-fields.ts';
import { LineCollector } from './line-collector.ts';

const State = { size: 0, data: 1, dataCr: 2, dataLf: 3, trailers: 4, end: 5, broken: 6 } as const;

const maxSizeDigits = 13;
const maxExtensionBytes = 1_024;
const maxTrailers = 100;
const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const quoted = '"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t \\x21-\\x7e\\x80-\\xff])*"';
const sizeLine = new RegExp(`^([0-9A-Fa-f]{1,${maxSizeDigits}})(?:;${token}(?:=(?:${token}|${quoted}))?)*$`);
const sizeBegins = new RegExp(`^[0-9A-Fa-f]{0,${maxSizeDigits}}(?:\r|;[\t\x20-\x7e\x80-\xff]*\r?)?$`);

/** The value of a hex digit; -1 for what is none. */
function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const letter = code | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

/** Takes the chunked coding off a body (RFC 9112 section 7.1). Extensions and trailer fields are checked and left out. */
export class ChunkedBody {
  #state: (typeof State)[keyof typeof State] = State.size;
  /** Of the chunk under way. */
  #remaining = 0;
  #trailers = 0;
  #trailerBytes = 0;
  readonly #line = new LineCollector();
  readonly #maxTrailerBytes: number;
  /** Where `decode` stopped reading. */
  at = 0;

  constructor(maxTrailerBytes: number) {
    this.#maxTrailerBytes = maxTrailerBytes;
  }

  get whole(): boolean {
    return this.#state === State.end;
  }

  get broken(): boolean {
    return this.#state === State.broken;
  }

  reset(): void {
    this.#state = State.size;
    this.#trailers = 0;
    this.#trailerBytes = 0;
  }

  /** Whether what has come of a line may still become one. */
  get plausible(): boolean {
    if (this.#state === State.broken) return false;
    const { begun } = this.#line;
    return this.#state === State.trailers ? mayBegin(begun) : sizeBegins.test(begun);
  }

  /**
   * Reads on, up to the body's end at most. The payload is moved together within `bytes`, so that one piece comes of
   * many chunks: it stands from `from` on.
   * @returns where the payload ends
   */
  decode(bytes: Buffer, from: number, end: number): number {
    let at = from;
    let to = from;
    while (at < end) {
      switch (this.#state) {
        case State.size:
          at = this.#size(bytes, at, end);
          break;
        case State.data: {
          const next = Math.min(end, at + this.#remaining);
          this.#remaining -= next - at;
          if (to !== at) bytes.copyWithin(to, at, next);
          to += next - at;
          at = next;
          if (this.#remaining > 0) break;
          if (at + 1 < end && bytes[at] === 13 && bytes[at + 1] === 10) {
            at += 2;
            this.#state = State.size;
          } else this.#state = State.dataCr;
          break;
        }
        case State.dataCr:
          this.#state = bytes[at++] === 13 ? State.dataLf : State.broken;
          break;
        case State.dataLf:
          this.#state = bytes[at++] === 10 ? State.size : State.broken;
          break;
        case State.trailers:
          at = this.#trailer(bytes, at, end);
          break;
        default:
          this.at = at;
          return to;
      }
    }
    this.at = at;
    return to;
  }

  #size(bytes: Buffer, at: number, end: number): number {
    if (this.#line.begun === '') {
      let size = 0;
      let next = at;
      for (let digit = 0; next < end; next++) {
        digit = hexDigit(bytes[next] as number);
        if (digit < 0) break;
        size = size * 16 + digit;
      }
      const count = next - at;
      if (count > 0 && count <= maxSizeDigits && next + 1 < end && bytes[next] === 13 && bytes[next + 1] === 10) {
        this.#begin(size);
        return next + 2;
      }
    }
    const line = this.#line.take(bytes, at, end, maxSizeDigits + maxExtensionBytes);
    if (line === undefined) {
      if (!sizeBegins.test(this.#line.begun)) this.#state = State.broken;
      return end;
    }
    const size = line === null ? undefined : sizeLine.exec(line)?.[1];
    if (size === undefined) this.#state = State.broken;
    else this.#begin(Number.parseInt(size, 16));
    return this.#line.at;
  }

  #begin(size: number): void {
    this.#remaining = size;
    this.#state = size === 0 ? State.trailers : State.data;
  }

  #trailer(bytes: Buffer, at: number, end: number): number {
    if (this.#line.begun === '' && at + 1 < end && bytes[at] === 13 && bytes[at + 1] === 10) {
      this.#state = State.end;
      return at + 2;
    }
    const line = this.#line.take(bytes, at, end, this.#maxTrailerBytes - this.#trailerBytes);
    if (line === undefined) return end;
    if (line === '') this.#state = State.end;
    // What frames a message is said before it, or not at all (RFC 9110 section 6.5.1).
    else if (line === null || !readField(line, 0, line.length) || field.kind !== FieldKind.plain) {
      this.#state = State.broken;
    } else if (++this.#trailers > maxTrailers) this.#state = State.broken;
    else this.#trailerBytes += line.length + 2;
    return this.#line.at;
  }
}
