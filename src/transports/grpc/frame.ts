import type { Coding } from './compression.ts';

const prefixBytes = 5;

/** Smaller ones would not get smaller, larger ones would hold up every other call while they are compressed. */
const leastCompressed = 1024;
const mostCompressed = 64 * 1024;

/** A message with its length before it, in one buffer (gRPC over HTTP/2, "Length-Prefixed-Message"). */
export function frame(message: Uint8Array, coding: Coding | undefined): Buffer {
  const compress = coding !== undefined && message.length >= leastCompressed && message.length <= mostCompressed;
  const payload = compress ? coding.compress(message) : message;
  const bytes = Buffer.allocUnsafe(prefixBytes + payload.length);
  bytes[0] = compress ? 1 : 0;
  bytes.writeUInt32BE(payload.length, 1);
  bytes.set(payload, prefixBytes);
  return bytes;
}
