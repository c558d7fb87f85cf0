import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { follows, genesis, readLine, sequenceOf } from './chain.ts';

/** What a line that was cut off by a crash left behind: so many bytes, with this SHA-256 in hex. */
export interface Torn {
  readonly bytes: number;
  readonly sha256: string;
}

/** Where a chain stands at the end of a file. */
export interface Tail {
  readonly chain: string;
  /** Number of the last whole record. */
  readonly seq: number;
  readonly mac: Buffer;
  readonly torn: Torn | undefined;
  /** Whether the last whole record lacks its line feed. */
  readonly unended: boolean;
}

const pieceBytes = 64 * 1024;
const lineFeed = 10;

/** The end of a file: at least its last two whole lines and what follows, or all of it; and its first line. */
function ends(path: string): { readonly first: Buffer; readonly last: Buffer } {
  const fd = openSync(path, 'r');
  try {
    const { size } = fstatSync(fd);
    const read = (from: number, to: number): Buffer => {
      const bytes = Buffer.alloc(to - from);
      let have = 0;
      while (have < bytes.length) {
        const count = readSync(fd, bytes, have, bytes.length - have, from + have);
        if (count === 0) break;
        have += count;
      }
      return bytes.subarray(0, have);
    };
    const head = read(0, Math.min(size, pieceBytes));
    const end = head.indexOf(lineFeed);
    const first = end < 0 ? head : head.subarray(0, end);
    for (let length = pieceBytes; ; length *= 4) {
      const from = Math.max(0, size - length);
      const last = read(from, size);
      if (from === 0) return { first, last };
      // The piece starts anywhere within a line, which is of no use.
      const whole = last.subarray(last.indexOf(lineFeed) + 1);
      if (whole.filter((byte) => byte === lineFeed).length >= 3) return { first, last: whole };
    }
  } finally {
    closeSync(fd);
  }
}

function linesOf(bytes: Buffer): { readonly whole: Buffer[]; readonly rest: Buffer } {
  const whole: Buffer[] = [];
  let from = 0;
  for (let at = bytes.indexOf(lineFeed); at >= 0; at = bytes.indexOf(lineFeed, from)) {
    whole.push(bytes.subarray(from, at));
    from = at + 1;
  }
  return { whole, rest: bytes.subarray(from) };
}

const macIn = (hex: unknown): Buffer | undefined =>
  typeof hex === 'string' && /^[0-9a-f]{64}$/.test(hex) ? Buffer.from(hex, 'hex') : undefined;

/** The MAC before a file's first record: that record says it, where it is not the first of all. */
export const before = (record: Readonly<Record<string, unknown>>): Buffer => macIn(record['after']) ?? genesis;

/**
 * Where the chain in a file stands, judged by its last whole record. Undefined for a file whose end does not verify:
 * it was written under another key, or changed. The file must not be empty.
 */
export function readTail(path: string, key: Uint8Array): Tail | undefined {
  const { first, last } = ends(path);
  const { whole, rest } = linesOf(last);
  const head = readLine(first);
  const chain = head?.record['chain'];
  if (head === undefined || typeof chain !== 'string' || !follows(key, before(head.record), head)) return undefined;
  const unended = rest.length > 0 && readLine(rest) !== undefined;
  if (unended) whole.push(rest);
  const torn = unended || rest.length === 0 ? undefined : tornOf(rest);
  const tip = whole.at(-1);
  const end = tip && readLine(tip);
  if (end === undefined) return undefined;
  const previous = whole.at(-2);
  if (previous === undefined) return { chain, seq: sequenceOf(end), mac: end.mac, torn, unended };
  const previousMac = readLine(previous)?.mac;
  // Behind a torn line the record before it is what the last one follows.
  const candidates = [previousMac, readLine(whole.at(-3) ?? Buffer.alloc(0))?.mac].filter((mac) => mac !== undefined);
  if (!candidates.some((mac) => follows(key, mac, end))) return undefined;
  return { chain, seq: sequenceOf(end), mac: end.mac, torn, unended };
}

/** What is told of a torn line, so that it can be told from one that was put there. */
export const tornOf = (rest: Buffer): Torn => ({
  bytes: rest.length,
  sha256: createHash('sha256').update(rest).digest('hex'),
});
