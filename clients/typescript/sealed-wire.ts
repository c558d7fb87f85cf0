import { SealError, type Sealed } from './sealing.ts';

// The binary form of Protocol Buffers, as far as a message with nothing but `sealed` needs it: so that sealing works with
// whatever made the stubs. Field numbers as in proto/llmbridge/v1.

const VARINT = 0;
const LENGTH = 2;
const fixedBytes: Readonly<Record<number, number>> = { 1: 8, 5: 4 };
const SEALED_IN_REQUEST = 37;
const SEALED_IN_REPLY = 10;

const decoder = new TextDecoder();

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 128);
  }
}

const numberField = (field: number, value: number): Uint8Array =>
  Uint8Array.from([...varint(field * 8 + VARINT), ...varint(value)]);

const bytesField = (field: number, value: Uint8Array): Uint8Array =>
  joined([Uint8Array.from([...varint(field * 8 + LENGTH), ...varint(value.length)]), value]);

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A request with nothing but its sealed form. */
export const requestBytes = ({ version, keyId, issuedAt, nonce, ciphertext }: Sealed): Uint8Array =>
  bytesField(
    SEALED_IN_REQUEST,
    joined([
      numberField(1, version),
      bytesField(2, new TextEncoder().encode(keyId)),
      numberField(3, issuedAt),
      bytesField(4, nonce),
      bytesField(5, ciphertext),
    ]),
  );

interface Field {
  readonly number: number;
  /** Of a varint. */
  readonly value: number;
  /** Of what has a length. */
  readonly bytes: Uint8Array;
}

function* fieldsOf(message: Uint8Array): Generator<Field> {
  let at = 0;
  const readVarint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++];
      if (byte === undefined || scale > 2 ** 63) throw new SealError('a reply of another form');
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = readVarint();
    const wire = tag % 8;
    const value = wire === VARINT || wire === LENGTH ? readVarint() : 0;
    const length = wire === LENGTH ? value : wire === VARINT ? 0 : fixedBytes[wire];
    if (length === undefined || at + length > message.length) throw new SealError('a reply of another form');
    yield { number: Math.floor(tag / 8), value, bytes: message.subarray(at, at + length) };
    at += length;
  }
}

/** The sealed form of a reply, whole or streamed; undefined for one in the clear. */
export function sealedOfReply(reply: Uint8Array): Sealed | undefined {
  for (const { number, bytes } of fieldsOf(reply)) if (number === SEALED_IN_REPLY) return sealedOf(bytes);
  return undefined;
}

function sealedOf(message: Uint8Array): Sealed {
  const values = new Map<number, Field>();
  for (const field of fieldsOf(message)) values.set(field.number, field);
  const count = (field: number): number => values.get(field)?.value ?? 0;
  const bytes = (field: number): Uint8Array => values.get(field)?.bytes ?? new Uint8Array(0);
  return {
    version: count(1),
    keyId: decoder.decode(bytes(2)),
    issuedAt: count(3),
    nonce: bytes(4),
    ciphertext: bytes(5),
    salt: bytes(6),
    sequence: count(7),
    last: count(8) !== 0,
  };
}
