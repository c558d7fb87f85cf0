import { Fault } from '../../kernel/fault.ts';

/** Parsed JSON of unknown shape. */
export type JsonObject = { readonly [key: string]: unknown };

/** The fault of an answer that makes no sense; `what` tells which part, never its contents. */
export const malformed = (what: string, cause?: unknown): Fault =>
  new Fault('PROVIDER_MALFORMED', `the provider sent ${what}`, {
    blame: 'provider',
    ...(cause ? { cause } : undefined),
  });

/** Bytes as text; invalid UTF-8 becomes U+FFFD. */
export const utf8 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');

/** Parses an object; throws PROVIDER_MALFORMED for anything else. JSON.parse's own message would quote contents. */
export function parseObject(json: string, what = 'a body that is not a JSON object'): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw malformed(what);
  }
  if (!isObject(value)) throw malformed(what);
  return value;
}

/** Parses an error body: undefined where it is no JSON object (HTML, plain text, nothing). */
export function tryParseObject(json: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(json);
    if (isObject(value)) return value;
    // Gemini's and some proxies' streams answer errors as a list of one.
    return Array.isArray(value) && isObject(value[0]) ? value[0] : undefined;
  } catch {
    return undefined;
  }
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * A member that is a string, else ''. Half a character (a surrogate without its pair, which JSON's escapes can spell and
 * protobuf and HTTP headers cannot carry) becomes U+FFFD.
 */
export const text = (value: unknown): string =>
  typeof value === 'string' ? (value.isWellFormed() ? value : value.toWellFormed()) : '';

/** A count: a number of the uint32 range, rounded; else undefined. */
export const count = (value: unknown): number | undefined =>
  typeof value === 'number' && value >= 0 && value <= 0xffff_ffff ? Math.round(value) : undefined;

/** A member that is an array, else an empty one. */
export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
