import { randomBytes } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { SealedPayloadSchema } from '../../gen/es/llmbridge/v1/sealed_pb.ts';
import { KeyRing } from '../../src/crypto/key-ring.ts';
import { openRequest } from '../../src/crypto/seal.ts';
import { type Sealed, SealedCaller } from '../support/sealed-caller.ts';

// Whether the time that a refusal takes tells what was wrong. The figures are printed; the bound is a wide one.

const ROUNDS = 40_000;
const method = '/llmbridge.v1.ChatService/ChatCompletion';
const secret = randomBytes(32);
const ring = new KeyRing([
  { id: 'known', secret, state: 'active' },
  { id: 'bound', secret: randomBytes(32), state: 'active', user: 'bob' },
  { id: 'gone!', secret: randomBytes(32), state: 'revoked' },
]);

const median = (times: number[]): number => times.sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN;

test('what does not verify is refused in the same time, whatever is wrong with it', async () => {
  const caller = new SealedCaller(secret, 'known', 'alice');
  const good = await caller.seal(method, randomBytes(2_048));
  const flipped = (bytes: Uint8Array, at: number) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
  const cases: Record<string, Sealed> = {
    'another user': { ...good, keyId: 'bound' },
    'an unknown key': { ...good, keyId: 'other' },
    'a revoked key': { ...good, keyId: 'gone!' },
    'first bit': { ...good, ciphertext: flipped(good.ciphertext, 0) },
    'last bit of the tag': { ...good, ciphertext: flipped(good.ciphertext, good.ciphertext.length - 1) },
    'the time': { ...good, issuedAt: good.issuedAt + 1 },
  };
  const payloads = Object.entries(cases).map(([name, sealed]) => ({
    name,
    payload: create(SealedPayloadSchema, sealed),
    times: [] as number[],
  }));
  for (let round = 0; round < ROUNDS; round++) {
    // In another order each time: neighbours warm each other's caches.
    const shift = round % payloads.length;
    for (let i = 0; i < payloads.length; i++) {
      const each = payloads[(i + shift) % payloads.length];
      if (each === undefined) continue;
      const begun = process.hrtime.bigint();
      const opened = openRequest(ring, each.payload, method, 'alice');
      each.times.push(Number(process.hrtime.bigint() - begun));
      if (opened !== undefined) throw new Error(`opened: ${each.name}`);
    }
  }
  const medians = payloads.map(({ name, times }) => ({ name, ns: median(times.slice(ROUNDS / 4)) }));
  console.table(medians);
  const all = medians.map(({ ns }) => ns);
  expect(Math.max(...all) / Math.min(...all)).toBeLessThan(1.1);
});
