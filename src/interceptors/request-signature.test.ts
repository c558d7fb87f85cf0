import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Protocol } from '../kernel/call.ts';
import { Fault } from '../kernel/fault.ts';
import { createRequestSignatures, type RequestSignatureOptions } from './request-signature.ts';
import { type SigningKey, SigningKeys } from './signing-keys.ts';
import { openedCall } from './testing/opened-call.ts';

interface Vector {
  readonly name: string;
  readonly path: string;
  readonly protocol: Protocol;
  readonly key_id: string;
  readonly secret: string;
  readonly user: string;
  readonly timestamp: string;
  readonly nonce: string;
  readonly body: string;
  readonly signature: string;
}

const vectors = JSON.parse(
  readFileSync(new URL('../../docs/request-signing-vectors.json', import.meta.url), 'utf8'),
) as readonly Vector[];

const keyOf = ({ key_id, secret }: Vector): SigningKey => ({ id: key_id, secret: Buffer.from(secret, 'hex') });

/** The call of a vector, behind the check: it, or the reason for which it is refused. */
async function checked(
  vector: Vector,
  changes: { readonly headers?: object; readonly keys?: SigningKey[]; readonly body?: Uint8Array | undefined } = {},
  mode: RequestSignatureOptions['mode'] = 'optional',
) {
  const call = openedCall({
    protocol: vector.protocol,
    method: vector.protocol === 'http' ? '/llmbridge.v1.ChatService/ChatCompletion' : vector.path,
    headers: {
      'x-request-key-id': vector.key_id,
      'x-request-timestamp': vector.timestamp,
      'x-request-nonce': vector.nonce,
      'x-request-signature': vector.signature,
      ...changes.headers,
    },
  });
  call.principal = { user: vector.user, method: 'api-key', credential: 'laptop' };
  call.body = 'body' in changes ? changes.body : Buffer.from(vector.body, 'base64');
  const keys = new SigningKeys(changes.keys ?? [keyOf(vector)]);
  const check = createRequestSignatures({ mode, keys: () => keys, windowMs: 300_000 });
  try {
    await check(async () => {})(call, {}, { message: () => true, onDrain: () => {} });
    return call;
  } catch (thrown) {
    return thrown instanceof Fault ? thrown.reason : thrown;
  }
}

describe.each(vectors.map((vector) => [vector.name, vector] as const))('the vector: %s', (_name, vector) => {
  test('verifies, and claims its nonce', async () => {
    expect(await checked(vector)).toMatchObject({
      signedBy: vector.key_id,
      body: undefined,
      claim: {
        claim: {
          scope: `sign:${vector.key_id}`,
          nonce: vector.nonce,
          issuedAt: Number(vector.timestamp),
          windowMs: 300_000,
        },
      },
    });
    const upper = { 'x-request-signature': vector.signature.toUpperCase() };
    expect(await checked(vector, { headers: upper })).toMatchObject({ signedBy: vector.key_id });
  });

  test('does not verify with any bit of the signature or the body changed', async () => {
    const flip = (bytes: Buffer, bit: number) => {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      return flipped;
    };
    const signature = Buffer.from(vector.signature, 'hex');
    for (let bit = 0; bit < 256; bit++) {
      const headers = { 'x-request-signature': flip(signature, bit).toString('hex') };
      expect(await checked(vector, { headers })).toBe('SIGNATURE_INVALID');
    }
    const body = Buffer.from(vector.body, 'base64');
    for (let bit = 0; bit < body.length * 8; bit++) {
      expect(await checked(vector, { body: flip(body, bit) })).toBe('SIGNATURE_INVALID');
    }
    expect(await checked(vector, { body: undefined })).toBe('SIGNATURE_INVALID');
  });
});

const [vector] = vectors;
if (vector === undefined) throw new Error('no vectors');

test.each<[string, object]>([
  ['a repeated header, as Node joins it', { 'x-request-nonce': `${vector.nonce}, ${vector.nonce}` }],
  ['a line feed in the nonce', { 'x-request-nonce': `${vector.nonce}\n1` }],
  ['a signature that is too long', { 'x-request-signature': `${vector.signature}00` }],
])('%s does not verify', async (_name, headers) => {
  expect(await checked(vector, { headers })).toBe('SIGNATURE_INVALID');
});

test('an unknown key, or one of another user, is told like a wrong signature', async () => {
  expect(await checked(vector, { keys: [{ ...keyOf(vector), id: 'other' }] })).toBe('SIGNATURE_INVALID');
  expect(await checked(vector, { keys: [{ ...keyOf(vector), user: 'bob' }] })).toBe('SIGNATURE_INVALID');
  expect(await checked(vector, { keys: [{ ...keyOf(vector), user: vector.user }] })).toMatchObject({ signedBy: 's1' });
});

test('where all keys are disabled, nothing verifies', async () => {
  expect(await checked(vector, { keys: [{ ...keyOf(vector), disabled: true }] })).toBe('SIGNATURE_INVALID');
});

test('without keys signatures are ignored, unless they are needed', async () => {
  expect(await checked(vector, { keys: [] })).toMatchObject({ signedBy: '', claim: undefined });
  expect(await checked(vector, { keys: [] }, 'required')).toBe('SIGNATURE_INVALID');
  const unsigned = { headers: { 'x-request-signature': undefined } };
  expect(await checked(vector, unsigned)).toMatchObject({ signedBy: '', claim: undefined });
  expect(await checked(vector, unsigned, 'required')).toBe('SIGNATURE_REQUIRED');
});
