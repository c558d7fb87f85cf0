import type { ResponseHeaders } from '../../kernel/upstream.ts';
import { ChunkedBody } from './chunked-body.ts';
import { mayBegin } from './header-fields.ts';
import { LineCollector } from './line-collector.ts';
import { Framing, ResponseHead } from './response-head.ts';

/** What `next` has found. */
export const Found = {
  /** Nothing more in these bytes. */
  nothing: 0,
  /** The head: `status` and `headers`. */
  head: 1,
  /** A piece of the body: from `from` to `to` of the bytes. */
  body: 2,
  /** The end of the answer; whatever stands at `at` is no part of it. */
  end: 3,
  /** What is no HTTP, or breaks the limits. */
  malformed: 4,
} as const;
export type Found = (typeof Found)[keyof typeof Found];

const State = { head: 0, length: 1, chunked: 2, close: 3, end: 4, malformed: 5 } as const;

const maxInterim = 32;
/** Most heads are shorter. */
const firstLook = 4_096;

/**
 * Parses one HTTP/1.1 answer after another from bytes however they are split. It is asked, and calls nobody:
 * `next` is called with the same bytes until it finds nothing more in them.
 */
export class ResponseParser {
  #state: (typeof State)[keyof typeof State] = State.head;
  readonly #maxHeaderBytes: number;
  readonly #head = new ResponseHead();
  readonly #chunks: ChunkedBody;
  readonly #line = new LineCollector();
  #headBytes = 0;
  #interim = 0;
  #remaining = 0;
  /** Where reading goes on. */
  at = 0;
  from = 0;
  to = 0;

  constructor(maxHeaderBytes: number) {
    this.#maxHeaderBytes = maxHeaderBytes;
    this.#chunks = new ChunkedBody(maxHeaderBytes);
  }

  get status(): number {
    return this.#head.status;
  }

  get headers(): ResponseHeaders {
    return this.#head.headers;
  }

  /** Whether the connection serves another request after this answer. */
  get reusable(): boolean {
    return this.#head.reusable;
  }

  /** Milliseconds for which the server keeps an idle connection; undefined where it does not tell. */
  get keepAliveMs(): number | undefined {
    return this.#head.keepAliveMs;
  }

  /** Makes ready for the next answer on the same connection. */
  reset(): void {
    this.#state = State.head;
    this.#head.reset();
    this.#headBytes = 0;
    this.#interim = 0;
  }

  /** Looks at the bytes from `at` to `end`; those of a body may be moved within them. */
  next(bytes: Buffer, at: number, end: number): Found {
    this.at = at;
    switch (this.#state) {
      case State.head:
        return at === end ? Found.nothing : this.#readHead(bytes, end);
      case State.length: {
        if (at === end) return Found.nothing;
        const stop = Math.min(end, at + this.#remaining);
        this.#remaining -= stop - at;
        if (this.#remaining === 0) this.#state = State.end;
        return this.#piece(at, stop, stop);
      }
      case State.chunked: {
        if (at === end) return Found.nothing;
        const chunks = this.#chunks;
        const stop = chunks.decode(bytes, at, end);
        if (chunks.whole) this.#state = State.end;
        else if (chunks.broken) this.#state = State.malformed;
        if (stop > at) return this.#piece(at, stop, chunks.at);
        this.at = chunks.at;
        if (this.#state === State.end) return Found.end;
        return this.#state === State.malformed ? Found.malformed : Found.nothing;
      }
      case State.close:
        return at === end ? Found.nothing : this.#piece(at, end, end);
      case State.end:
        return Found.end;
      default:
        return Found.malformed;
    }
  }

  /**
   * The server has closed its side: `end` where that ends the body, `malformed` where what came could not have become
   * an answer, `nothing` where the answer was cut.
   */
  finish(): Found {
    if (this.#state === State.close || this.#state === State.end) return Found.end;
    const { begun } = this.#line;
    const plausible =
      this.#state === State.head
        ? this.#head.status === 0
          ? ResponseHead.mayBegin(begun)
          : mayBegin(begun)
        : this.#state !== State.chunked || this.#chunks.plausible;
    return plausible && this.#state !== State.malformed ? Found.nothing : Found.malformed;
  }

  #piece(from: number, to: number, at: number): Found {
    this.from = from;
    this.to = to;
    this.at = at;
    return Found.body;
  }

  #malformed(): Found {
    this.#state = State.malformed;
    return Found.malformed;
  }

  /** A head mostly comes whole and is read in one go; one that does not, line by line. */
  #readHead(bytes: Buffer, end: number): Found {
    while (this.at < end) {
      if (this.#headBytes === 0 && this.#line.begun === '') {
        const { at } = this;
        const text = bytes.toString('latin1', at, Math.min(end, at + firstLook));
        const stop = text.indexOf('\r\n\r\n');
        if (stop >= 0 && stop + 4 < this.#maxHeaderBytes) {
          let start = 0;
          while (start < stop) {
            const lineEnd = text.indexOf('\r\n', start);
            if (!this.#head.line(text, start, lineEnd)) return this.#malformed();
            start = lineEnd + 2;
          }
          if (stop === 0) return this.#malformed();
          this.at = at + stop + 4;
          const found = this.#headEnds();
          if (found !== Found.nothing) return found;
          continue;
        }
      }
      const head = this.#head;
      const line = this.#line.take(bytes, this.at, end, this.#maxHeaderBytes - this.#headBytes);
      if (line === undefined) {
        this.at = end;
        return head.status === 0 && !ResponseHead.mayBegin(this.#line.begun) ? this.#malformed() : Found.nothing;
      }
      if (line === null) return this.#malformed();
      this.at = this.#line.at;
      this.#headBytes += line.length + 2;
      if (line !== '' || head.status === 0) {
        if (!head.line(line, 0, line.length)) return this.#malformed();
        continue;
      }
      const found = this.#headEnds();
      if (found !== Found.nothing) return found;
    }
    return Found.nothing;
  }

  /** `nothing` after an interim answer: another head follows. */
  #headEnds(): Found {
    const head = this.#head;
    if (!head.complete()) return this.#malformed();
    this.#headBytes = 0;
    if (head.status < 200) {
      if (++this.#interim > maxInterim) return this.#malformed();
      head.reset();
      return Found.nothing;
    }
    switch (head.framing) {
      case Framing.length:
        this.#remaining = head.length;
        this.#state = State.length;
        break;
      case Framing.chunked:
        this.#chunks.reset();
        this.#state = State.chunked;
        break;
      case Framing.close:
        this.#state = State.close;
        break;
      default:
        this.#state = State.end;
    }
    return Found.head;
  }
}
