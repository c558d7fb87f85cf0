import { createHash } from 'node:crypto';
import type { KeptAnswer } from '../../kernel/response-cache.ts';

/**
 * How an answer lies in Redis: version (1 byte), stored at and expires at (milliseconds since the Unix epoch, 8 bytes each,
 * big-endian floats), length (4 bytes), SHA-256 over key and all of that and the answer (32 bytes), the answer. The key is in
 * the sum, so that an entry under another key is none.
 */
const version = 1;
const headBytes = 1 + 8 + 8 + 4;
const sumBytes = 32;

const sumOf = (key: string, head: Uint8Array, bytes: Uint8Array): Buffer =>
  createHash('sha256').update(`${key}\n`).update(head).update(bytes).digest();

export function frameKept(key: string, { bytes, storedAt, expiresAt }: KeptAnswer): Buffer {
  const frame = Buffer.allocUnsafe(headBytes + sumBytes + bytes.length);
  frame.writeUInt8(version, 0);
  frame.writeDoubleBE(storedAt, 1);
  frame.writeDoubleBE(expiresAt, 9);
  frame.writeUInt32BE(bytes.length, 17);
  sumOf(key, frame.subarray(0, headBytes), bytes).copy(frame, headBytes);
  frame.set(bytes, headBytes + sumBytes);
  return frame;
}

/** Undefined for what is not whole, not of this version, or not what was put under this key. */
export function unframeKept(key: string, frame: Buffer): KeptAnswer | undefined {
  if (frame.length < headBytes + sumBytes || frame.readUInt8(0) !== version) return undefined;
  const bytes = frame.subarray(headBytes + sumBytes);
  if (frame.readUInt32BE(17) !== bytes.length) return undefined;
  const sum = frame.subarray(headBytes, headBytes + sumBytes);
  if (!sumOf(key, frame.subarray(0, headBytes), bytes).equals(sum)) return undefined;
  return { bytes, storedAt: frame.readDoubleBE(1), expiresAt: frame.readDoubleBE(9) };
}
