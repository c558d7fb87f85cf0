/**
 * JSON as text. JSON.parse reorders integer-like keys and rounds integers beyond 2^53, so what must survive as it was
 * written (tool arguments, schemas, unknown fields) is sliced from the source and spliced into the target, never rebuilt.
 * Every function here takes text that JSON.parse has accepted; on other text the result is undefined.
 */

/** JSON text that `toJson` copies as it is. */
export class RawJson {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** What `toJson` takes: JSON values, with raw text anywhere in them. Undefined members are left out. */
export type JsonInput =
  | string
  | number
  | boolean
  | null
  | undefined
  | RawJson
  | readonly JsonInput[]
  | { readonly [key: string]: JsonInput };

/** JSON.stringify that honours RawJson. */
export function toJson(value: JsonInput): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  if (value instanceof RawJson) return value.text;
  if (Array.isArray(value)) {
    let text = '[';
    for (let i = 0; i < value.length; i++) text += (i > 0 ? ',' : '') + toJson(value[i]);
    return `${text}]`;
  }
  let text = '{';
  const object = value as { readonly [key: string]: JsonInput };
  for (const key in object) {
    const member = object[key];
    if (member === undefined) continue;
    text += `${text.length > 1 ? ',' : ''}${JSON.stringify(key)}:${toJson(member)}`;
  }
  return `${text}}`;
}

/** Sets a member by any name that JSON has: assignment would take `__proto__` for the prototype, and with it all members. */
export function setMember(object: { [name: string]: JsonInput }, name: string, value: JsonInput): void {
  if (name !== '__proto__') object[name] = value;
  else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

const isSpace = (code: number) => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;

function skipSpace(json: string, at: number): number {
  while (isSpace(json.charCodeAt(at))) at++;
  return at;
}

/** One past the end of the string that opens at `at`. The quotes are searched for natively, most text is never looked at. */
function skipString(json: string, at: number): number {
  for (let from = at + 1; ; ) {
    const quote = json.indexOf('"', from);
    if (quote === -1) return json.length;
    let before = quote - 1;
    while (json.charCodeAt(before) === BACKSLASH) before--;
    // An odd number of backslashes escapes the quote.
    if ((quote - before) % 2 === 1) return quote + 1;
    from = quote + 1;
  }
}

/** One past the end of the value that starts at `at`. */
function skipValue(json: string, at: number): number {
  const first = json[at];
  if (first === '"') return skipString(json, at);
  if (first !== '{' && first !== '[') {
    let end = at;
    while (end < json.length && !',]}'.includes(json[end] as string) && !isSpace(json.charCodeAt(end))) end++;
    return end;
  }
  let depth = 0;
  for (let i = at; i < json.length; i++) {
    const code = json.charCodeAt(i);
    if (code === QUOTE) i = skipString(json, i) - 1;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++;
    else if ((code === CLOSE_BRACE || code === CLOSE_BRACKET) && --depth === 0) return i + 1;
  }
  return json.length;
}

/** The members of an object's text, in order, each value as its source text; a repeated key keeps its last value. None of another value's. */
export function members(json: string): Map<string, string> {
  const found = new Map<string, string>();
  const start = skipSpace(json, 0);
  if (json[start] !== '{') return found;
  let at = skipSpace(json, start + 1);
  while (at < json.length && json[at] !== '}') {
    const keyEnd = skipString(json, at);
    const key = JSON.parse(json.slice(at, keyEnd)) as string;
    const from = skipSpace(json, skipSpace(json, keyEnd) + 1);
    const end = skipValue(json, from);
    found.set(key, json.slice(from, end));
    at = skipSpace(json, end);
    if (json[at] === ',') at = skipSpace(json, at + 1);
  }
  return found;
}

/** The elements of an array's text, each as its source text. None of another value's. */
export function elements(json: string): string[] {
  const found: string[] = [];
  const start = skipSpace(json, 0);
  if (json[start] !== '[') return found;
  let at = skipSpace(json, start + 1);
  while (at < json.length && json[at] !== ']') {
    const end = skipValue(json, at);
    found.push(json.slice(at, end));
    at = skipSpace(json, end);
    if (json[at] === ',') at = skipSpace(json, at + 1);
  }
  return found;
}

/** The source text of the value at `path` (keys and indices), or undefined where there is none. */
export function valueAt(json: string, path: readonly (string | number)[]): string | undefined {
  let text: string | undefined = json.trim();
  for (const step of path) {
    if (text === undefined) return undefined;
    if (typeof step === 'number') text = text[0] === '[' ? elements(text)[step] : undefined;
    else text = text[0] === '{' ? members(text).get(step) : undefined;
  }
  return text;
}

/** The object's text with members replaced, added (JSON text) or taken out (undefined); all else stays as it was, in order. */
export function splice(json: string, changes: Readonly<Record<string, string | undefined>>): string {
  const result = members(json);
  for (const key in changes) {
    const change = changes[key];
    if (change === undefined) result.delete(key);
    else result.set(key, change);
  }
  let text = '{';
  for (const [key, value] of result) text += `${text.length > 1 ? ',' : ''}${JSON.stringify(key)}:${value}`;
  return `${text}}`;
}
