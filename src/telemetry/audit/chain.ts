import { createHmac, timingSafeEqual } from 'node:crypto';

/** What stands between a record and its MAC: the record's closing brace is taken off, this is put behind it. */
const opening = ',"mac":"';
const closing = '"}';
const macDigits = 64;
const suffixBytes = opening.length + macDigits + closing.length;

/** The MAC before the first record of a chain. */
export const genesis: Buffer = Buffer.alloc(32);

const macOf = (key: Uint8Array, previous: Uint8Array, body: Uint8Array): Buffer =>
  createHmac('sha256', key).update(previous).update(body).digest();

/** One record as it stands in a file: its text with the MAC over the one before it and itself, and a line feed. */
export interface Link {
  readonly line: Buffer;
  readonly mac: Buffer;
}

/** Ties a record to the one before it; `json` is an object with at least one member. */
export function link(key: Uint8Array, previous: Uint8Array, json: string): Link {
  const body = Buffer.from(json.slice(0, -1));
  const mac = macOf(key, previous, body);
  const suffix = Buffer.from(`${opening}${mac.toString('hex')}${closing}\n`, 'latin1');
  return { line: Buffer.concat([body, suffix]), mac };
}

/** A line taken apart, not judged yet. */
export interface ReadLine {
  /** What the MAC covers. */
  readonly body: Buffer;
  /** The MAC that the line states. */
  readonly mac: Buffer;
  readonly record: Readonly<Record<string, unknown>>;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Takes a line, without its line feed, apart; undefined for what no gateway wrote. */
export function readLine(line: Buffer): ReadLine | undefined {
  const at = line.length - suffixBytes;
  if (at <= 0) return undefined;
  const suffix = line.toString('latin1', at);
  const hex = suffix.slice(opening.length, -closing.length);
  if (!suffix.startsWith(opening) || !suffix.endsWith(closing) || !/^[0-9a-f]+$/.test(hex)) return undefined;
  try {
    const record: unknown = JSON.parse(line.toString('utf8'));
    return isObject(record) ? { body: line.subarray(0, at), mac: Buffer.from(hex, 'hex'), record } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a line's MAC is the one that it must have behind a record with the MAC `previous`. */
export const follows = (key: Uint8Array, previous: Uint8Array, { body, mac }: ReadLine): boolean =>
  timingSafeEqual(macOf(key, previous, body), mac);

/** The number of a record in its chain, from 0. */
export function sequenceOf({ record }: ReadLine): number {
  const { seq } = record;
  return typeof seq === 'number' && Number.isSafeInteger(seq) && seq >= 0 ? seq : -1;
}
