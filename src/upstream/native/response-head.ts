import { addField, FieldKind, field, HeaderMap, isPlain, readField } from './header-fields.ts';

/** How the end of a body is found. */
export const Framing = { none: 0, length: 1, chunked: 2, close: 3 } as const;
export type Framing = (typeof Framing)[keyof typeof Framing];

const maxFields = 1_000;
const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: (.*))?$/;
const digits = /^\d{1,15}$/;
const closes = /(?:^|,)[\t ]*close[\t ]*(?:,|$)/i;
const keeps = /(?:^|,)[\t ]*keep-alive[\t ]*(?:,|$)/i;
const keepAliveTimeout = /(?:^|[\s,;])timeout\s*=\s*"?(\d{1,9})/i;
const prefix = 'HTTP/1.';

/** The head of one response, line by line. What RFC 9112 leaves open between two readers is refused. */
export class ResponseHead {
  status = 0;
  headers = new HeaderMap();
  framing: Framing = Framing.none;
  /** Of the body, where `framing` is `length`. */
  length = 0;
  /** Whether the connection serves another request after it. */
  reusable = false;
  /** Milliseconds for which the server keeps an idle connection; undefined where it does not tell. */
  keepAliveMs: number | undefined;
  #minor = '';
  #fields = 0;
  #length: string | undefined;
  #coding: string | undefined;
  #connection = '';

  reset(): void {
    this.status = 0;
    this.headers = new HeaderMap();
    this.keepAliveMs = undefined;
    this.#fields = 0;
    this.#length = undefined;
    this.#coding = undefined;
    this.#connection = '';
  }

  /** Whether text may be the beginning of a status line. */
  static mayBegin(text: string): boolean {
    return text.startsWith(prefix) || prefix.startsWith(text);
  }

  /** Takes a line without its CRLF; false where it is malformed. */
  line(text: string, start: number, end: number): boolean {
    if (this.status === 0) return this.#statusLine(start === 0 && end === text.length ? text : text.slice(start, end));
    if (!readField(text, start, end) || ++this.#fields > maxFields) return false;
    const { name, kind, value } = field;
    addField(this.headers, name, value);
    switch (kind) {
      case FieldKind.contentLength:
        // Even two that agree: an intermediary may have joined what two servers said.
        if (this.#length !== undefined) return false;
        this.#length = value;
        return digits.test(value);
      case FieldKind.transferEncoding:
        if (this.#coding !== undefined) return false;
        this.#coding = value;
        return true;
      case FieldKind.connection:
        this.#connection = this.#connection === '' ? value : `${this.#connection},${value}`;
        return true;
      case FieldKind.keepAlive: {
        const seconds = keepAliveTimeout.exec(value)?.[1];
        if (seconds !== undefined) this.keepAliveMs = Number(seconds) * 1_000;
        return true;
      }
      default:
        return true;
    }
  }

  /** The empty line: tells what follows (RFC 9112 section 6.3); false where that is not certain. */
  complete(): boolean {
    const { status } = this;
    const coding = this.#coding;
    const length = this.#length;
    if (coding !== undefined && (length !== undefined || this.#minor === '0' || coding.toLowerCase() !== 'chunked')) {
      return false;
    }
    // No protocol was asked for; and an interim answer that speaks of a body means one to somebody.
    if (status < 200) return status !== 101 && coding === undefined && (length === undefined || Number(length) === 0);
    this.reusable =
      !closes.test(this.#connection) && (this.#minor === '1' || keeps.test(this.#connection)) && this.keepAliveMs !== 0;
    if (status === 204 || status === 304) {
      // It may send the body that it speaks of all the same.
      if (coding !== undefined || (length !== undefined && Number(length) > 0)) this.reusable = false;
      this.framing = Framing.none;
    } else if (coding !== undefined) this.framing = Framing.chunked;
    else if (length !== undefined) {
      this.length = Number(length);
      this.framing = this.length === 0 ? Framing.none : Framing.length;
    } else {
      this.framing = Framing.close;
      this.reusable = false;
    }
    return true;
  }

  #statusLine(text: string): boolean {
    const match = statusLine.exec(text);
    if (match === null || !isPlain(text)) return false;
    this.#minor = match[1] as string;
    this.status = Number(match[2]);
    return true;
  }
}
