import type { IncomingHttpHeaders } from 'node:http';

/** What a look at bytes has found. */
export const Look = {
  /** The head of a plain request, whole. */
  plain: 0,
  /** The beginning of what may become one. */
  partial: 1,
  /** Anything else: for node:http to read, and to judge. */
  foreign: 2,
} as const;
export type Look = (typeof Look)[keyof typeof Look];

export interface HeadLimits {
  /** Most bytes of a head, all told; what is longer is foreign. */
  readonly maxHeaderBytes: number;
  /** Most bytes of a body; a request that announces more is foreign. */
  readonly maxRequestBytes: number;
}

const Kind = { other: 0, host: 1, length: 2, type: 3, connection: 4, foreign: 5 } as const;
type Kind = (typeof Kind)[keyof typeof Kind];

const kinds: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['host', Kind.host],
  ['content-length', Kind.length],
  ['content-type', Kind.type],
  ['connection', Kind.connection],
  // What changes how a request is read or answered, or needs rules that others keep.
  ...[
    'transfer-encoding',
    'content-encoding',
    'expect',
    'upgrade',
    'trailer',
    'te',
    'proxy-connection',
    'http2-settings',
    'origin',
  ].map((name): [string, Kind] => [name, Kind.foreign]),
]);

interface Name {
  /** Lower case. */
  readonly text: string;
  readonly kind: Kind;
}

/** Narrower than a token of RFC 9110: names with an underscore are read differently by different servers. */
const nameForm = /^[A-Za-z0-9-]+$/;
const unusual = /[^\t\x20-\x7e]/;
const digits = /^\d{1,10}$/;
const json = /^application\/json(?:;|$)/i;
/** Lines of fields, the last of them not yet whole. */
const begins = /^(?:[A-Za-z0-9-]+:[\t\x20-\x7e]*\r\n)*(?:\r|[A-Za-z0-9-]+(?::[\t\x20-\x7e]*\r?)?)?$/;
const maxFields = 100;
/** Most heads are shorter. */
const firstLook = 4_096;

const longestKept = 64;
const mostKept = 1_024;
/** Names as they were seen, so that those which callers always send are checked and lowered once. */
const seen = new Map<string, Name>();

function nameOf(raw: string): Name | undefined {
  const known = seen.get(raw);
  if (known !== undefined) return known;
  if (!nameForm.test(raw)) return undefined;
  const text = raw.toLowerCase();
  const name = { text, kind: kinds.get(text) ?? Kind.other };
  if (raw.length <= longestKept && seen.size < mostKept) seen.set(raw, name);
  return name;
}

/**
 * Reads the heads of plain requests (RFC 9112): `POST` of JSON to one of a few paths over HTTP/1.1, with one Host, a length,
 * each field once, and nothing that asks for more than an answer. It refuses nothing: what leaves the least doubt is foreign.
 */
export class RequestHead {
  path = '';
  headers: IncomingHttpHeaders = {};
  /** Of the body. */
  length = 0;
  /** Whether the caller wants the connection closed after the answer. */
  close = false;
  /** Bytes of the head, with the empty line behind it. */
  size = 0;
  readonly #limits: HeadLimits;
  readonly #requests: readonly (readonly [line: string, path: string])[];

  constructor(paths: readonly string[], limits: HeadLimits) {
    this.#limits = limits;
    this.#requests = paths.map((path) => [`POST ${path} HTTP/1.1\r\n`, path]);
  }

  /** Looks at the bytes from `at` on; the fields of this object hold what is found, if it is plain. */
  look(bytes: Buffer, at: number): Look {
    const most = this.#limits.maxHeaderBytes;
    const end = Math.min(bytes.length, at + most);
    let text = bytes.toString('latin1', at, Math.min(end, at + firstLook));
    const from = this.#requestLine(text);
    if (from < 0) return Look.foreign;
    let stop = text.indexOf('\r\n\r\n');
    if (stop < 0 && end - at > firstLook) {
      text = bytes.toString('latin1', at, end);
      stop = text.indexOf('\r\n\r\n');
    }
    if (stop < 0)
      return text.length < most && (from === 0 || begins.test(text.slice(from))) ? Look.partial : Look.foreign;
    this.size = stop + 4;
    // Node counts less than all bytes of a head: what is below the limit here is below it there.
    return this.size < most && this.#fields(text, from, stop) ? Look.plain : Look.foreign;
  }

  /** Where the fields begin; 0 where the line is not whole, -1 where it is another. */
  #requestLine(text: string): number {
    for (const [line, path] of this.#requests) {
      if (text.startsWith(line)) {
        this.path = path;
        return line.length;
      }
      if (text.length < line.length && line.startsWith(text)) return 0;
    }
    return -1;
  }

  #fields(text: string, from: number, stop: number): boolean {
    const headers: Record<string, string> = {};
    let required = 0;
    let count = 0;
    this.close = false;
    for (let start = from; start < stop; ) {
      const end = text.indexOf('\r\n', start);
      const colon = text.indexOf(':', start);
      if (colon < 0 || colon >= end || ++count > maxFields) return false;
      const name = nameOf(text.slice(start, colon));
      if (name === undefined) return false;
      let first = colon + 1;
      while (first < end && isBlank(text.charCodeAt(first))) first++;
      let last = end;
      while (last > first && isBlank(text.charCodeAt(last - 1))) last--;
      const value = text.slice(first, last);
      // Said twice, or a name that every object has.
      if (unusual.test(value) || headers[name.text] !== undefined) return false;
      headers[name.text] = value;
      if (name.kind !== Kind.other) {
        if (!this.#matters(name.kind, value)) return false;
        if (name.kind !== Kind.connection) required++;
      }
      start = end + 2;
    }
    this.headers = headers;
    // Host, length and type, of which none comes twice.
    return required === 3;
  }

  #matters(kind: Kind, value: string): boolean {
    switch (kind) {
      case Kind.host:
        return true;
      case Kind.length:
        this.length = Number(value);
        return digits.test(value) && this.length <= this.#limits.maxRequestBytes;
      case Kind.type:
        return json.test(value);
      case Kind.connection: {
        const wish = value.toLowerCase();
        this.close = wish === 'close';
        return this.close || wish === 'keep-alive';
      }
      default:
        return false;
    }
  }
}

const isBlank = (code: number): boolean => code === 32 || code === 9;
