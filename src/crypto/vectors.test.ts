import { readFileSync } from 'node:fs';
import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { SealedPayloadSchema } from '../../gen/es/llmbridge/v1/sealed_pb.ts';
import { type Sealed, SealedCaller } from '../../test/support/sealed-caller.ts';
import { sealingVectors } from '../../test/support/sealing-vectors.ts';
import { KeyRing } from './key-ring.ts';
import { openRequest, ReplySeal } from './seal.ts';

const text = readFileSync(new URL('../../docs/sealing-vectors.json', import.meta.url), 'utf8');
const vectors = JSON.parse(text) as ReturnType<typeof sealingVectors>;
const bytes = (hex: string) => Buffer.from(hex, 'hex');

interface SealedHex {
  readonly version: number;
  readonly key_id: string;
  readonly issued_at: number;
  readonly nonce: string;
  readonly ciphertext: string;
  readonly salt?: string;
  readonly sequence?: number;
  readonly last?: boolean;
}
const sealedOf = (sealed: SealedHex): Sealed => ({
  version: sealed.version,
  keyId: sealed.key_id,
  issuedAt: sealed.issued_at,
  nonce: bytes(sealed.nonce),
  ciphertext: bytes(sealed.ciphertext),
  salt: bytes(sealed.salt ?? ''),
  sequence: sealed.sequence ?? 0,
  last: sealed.last ?? false,
});

/** The gateway's verdict on a request, under every id that a vector uses. */
const open = (vector: { secret: string; method: string; user: string; sealed: SealedHex }) => {
  const ids = [...new Set([...vectors.requests.map(({ sealed }) => sealed.key_id), 'k2'])];
  const ring = new KeyRing(ids.map((id) => ({ id, secret: bytes(vector.secret), state: 'active' as const })));
  return openRequest(ring, create(SealedPayloadSchema, sealedOf(vector.sealed)), vector.method, vector.user);
};

test('docs/sealing-vectors.json is what its maker prints', () => {
  expect(text).toBe(`${JSON.stringify(sealingVectors(), null, 2)}\n`);
});

describe('requests', () => {
  test.each(vectors.requests)('$name', async (vector) => {
    expect(open(vector)?.plaintext).toEqual(bytes(vector.plaintext));
    const { sealed, method, user } = vector;
    const caller = new SealedCaller(bytes(vector.secret), sealed.key_id, user);
    const made = await caller.seal(method, bytes(vector.plaintext), sealed.issued_at, bytes(sealed.nonce));
    expect(Buffer.from(made.ciphertext).toString('hex')).toBe(sealed.ciphertext);
  });

  test.each(vectors.invalid_requests)('with $name: refused', (vector) => {
    expect(open(vector)).toBeUndefined();
  });
});

describe('replies', () => {
  /** What a caller reads of a reply; rejects unless it is whole. */
  async function read(
    vector: { secret: string; key_id: string; method: string; user: string; request_nonce: string },
    all: SealedHex[],
  ) {
    const caller = new SealedCaller(bytes(vector.secret), vector.key_id, vector.user);
    const reply = caller.reply(vector.method, bytes(vector.request_nonce));
    const plaintexts: string[] = [];
    for (const sealed of all) plaintexts.push(Buffer.from(await reply.open(sealedOf(sealed))).toString('hex'));
    if (!reply.whole) throw new Error('cut');
    return plaintexts;
  }

  test.each(vectors.replies)('$name', async (vector) => {
    const { secret, method, user, request_nonce, messages } = vector;
    const sealed = messages.map((message) => message.sealed);
    expect(await read(vector, sealed)).toEqual(messages.map(({ plaintext }) => plaintext));
    const [first] = sealed;
    if (first === undefined) throw new Error('no message');
    const key = { id: first.key_id, secret: bytes(secret) };
    const seal = new ReplySeal(key, bytes(request_nonce), method, user, bytes(first.salt));
    for (const { plaintext, sealed: expected } of messages) {
      const made = seal.seal(bytes(plaintext), expected.issued_at, expected.last);
      const told = { ...made, nonce: Buffer.from(made.nonce), salt: Buffer.from(made.salt) };
      expect(told).toMatchObject(sealedOf(expected));
    }
  });

  test.each(vectors.invalid_replies)('$name: refused', async (vector) => {
    await expect(read(vector, vector.messages)).rejects.toThrow();
  });
});
