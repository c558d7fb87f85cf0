/** What a field means to the framing of a message; most mean nothing to it. */
export const FieldKind = { plain: 0, contentLength: 1, transferEncoding: 2, connection: 3, keepAlive: 4 } as const;

interface FieldName {
  /** Lower case. */
  readonly text: string;
  readonly kind: (typeof FieldKind)[keyof typeof FieldKind];
}

const kinds: Readonly<Record<string, FieldName['kind']>> = {
  'content-length': FieldKind.contentLength,
  'transfer-encoding': FieldKind.transferEncoding,
  connection: FieldKind.connection,
  'keep-alive': FieldKind.keepAlive,
};

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const foreign = /[^\t\x20-\x7e\x80-\xff]/;
const longestKept = 64;
const mostKept = 1_024;

/** Names as they were seen, so that those which a server always sends are checked and lowered once. */
const seen = new Map<string, FieldName>();

function nameOf(raw: string): FieldName | undefined {
  const known = seen.get(raw);
  if (known !== undefined) return known;
  if (!token.test(raw)) return undefined;
  const text = raw.toLowerCase();
  const name = { text, kind: kinds[text] ?? FieldKind.plain };
  if (raw.length <= longestKept && seen.size < mostKept) seen.set(raw, name);
  return name;
}

/** Headers by name, without a prototype whose names they could meet. V8 keeps its instances fast, unlike Object.create(null). */
export class HeaderMap {
  [name: string]: string | string[];
}
Object.setPrototypeOf(HeaderMap.prototype, null);
// The compiler's own `constructor` would be found under that name.
delete (HeaderMap.prototype as { constructor?: unknown }).constructor;

/** Whether text may stand in a field's value or a reason phrase (RFC 9110 section 5.5; DEL is refused, too). */
export const isPlain = (text: string): boolean => !foreign.test(text);

/** Whether text may be the beginning of a field line. */
export function mayBegin(line: string): boolean {
  const colon = line.indexOf(':');
  const name = colon < 0 ? line : line.slice(0, colon);
  return (token.test(name) || line === '' || line === '\r') && isPlain(line.endsWith('\r') ? line.slice(0, -1) : line);
}

/** The field line last read by `readField`. */
export const field: { name: string; kind: FieldName['kind']; value: string } = { name: '', kind: 0, value: '' };

/**
 * Reads the field line in text from `start` to `end` into `field` (RFC 9112 section 5); false where it is none.
 * No space before the colon and no folded line passes, as a name has none.
 */
export function readField(text: string, start: number, end: number): boolean {
  const colon = text.indexOf(':', start);
  if (colon < 0 || colon >= end) return false;
  const name = nameOf(text.slice(start, colon));
  if (name === undefined) return false;
  let from = colon + 1;
  while (from < end && isBlank(text.charCodeAt(from))) from++;
  let to = end;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  const value = text.slice(from, to);
  if (foreign.test(value)) return false;
  field.name = name.text;
  field.kind = name.kind;
  field.value = value;
  return true;
}

const isBlank = (code: number): boolean => code === 32 || code === 9;

/** Adds a value; a second one of a name makes a list. */
export function addField(headers: HeaderMap, name: string, value: string): void {
  const before = headers[name];
  if (before === undefined) headers[name] = value;
  else if (typeof before === 'string') headers[name] = [before, value];
  else before.push(value);
}
