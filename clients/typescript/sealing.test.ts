import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { sealingVectors } from '../../test/support/sealing-vectors.ts';
import { sealedFetch } from './fetch.ts';
import { pad } from './padding.ts';
import { parseSealed, requestJson } from './sealed-json.ts';
import { requestBytes, sealedOfReply } from './sealed-wire.ts';
import { SealError, type Sealed, Sealer } from './sealing.ts';

const text = readFileSync(new URL('../../docs/sealing-vectors.json', import.meta.url), 'utf8');
const vectors = JSON.parse(text) as ReturnType<typeof sealingVectors>;
const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
const hex = (data: Uint8Array) => Buffer.from(data).toString('hex');

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

const isRpc = (method: string) => method.startsWith('/llmbridge.v1.');

test.each(vectors.requests)('request: $name', async ({ secret, method, user, plaintext, sealed, sent }) => {
  const sealer = new Sealer({ keyId: sealed.key_id, secret: bytes(secret), user });
  const at = { issuedAt: sealed.issued_at, nonce: bytes(sealed.nonce) };
  const made = await sealer.seal(method, bytes(plaintext), at);
  expect(made.sealed).toEqual(sealedOf(sealed));
  if (isRpc(method)) expect(hex(requestBytes(made.sealed))).toBe(sent);
  else expect(requestJson(made.sealed)).toBe(sent);
});

test.each(vectors.json_forms)('JSON: $name', ({ json, sealed }) => {
  expect(parseSealed(json)).toEqual(sealedOf(sealed));
});

test.each(vectors.padding.filter(({ padding }) => padding === 'pow2'))(
  'padding: $form of $plaintext.length digits',
  (vector) => {
    expect(hex(pad(bytes(vector.plaintext), vector.form))).toBe(vector.padded);
  },
);

test('padding of any length comes out, and is asked for', async () => {
  for (let length = 0; length < 700; length++) {
    const padded = pad(new Uint8Array(length).fill(1), 'binary');
    expect(Math.log2(padded.length) % 1).toBe(0);
    // Nothing but whole fields of number 1000.
    for (let at = length; at < padded.length; ) {
      expect([padded[at], padded[at + 1]]).toEqual([0xc2, 0x3e]);
      const [low = 0, high = 0] = padded.subarray(at + 2);
      at += low < 128 ? 3 + low : 4 + (low & 127) + high * 128;
      expect(at).toBeLessThanOrEqual(padded.length);
    }
  }
  const sealer = new Sealer({ keyId: 'k1', secret: new Uint8Array(32), padded: true });
  for (const method of ['/v1/chat/completions', '/llmbridge.v1.ChatService/ChatCompletion']) {
    expect((await sealer.seal(method, new Uint8Array(10))).sealed.ciphertext).toHaveLength(64 + 16);
  }
});

test('a nonce is drawn for each request, and a secret has 32 bytes', async () => {
  const sealer = new Sealer({ keyId: 'k1', secret: new Uint8Array(32) });
  const [one, two] = await Promise.all([sealer.seal('m', bytes('00')), sealer.seal('m', bytes('00'))]);
  expect(one.sealed.nonce).not.toEqual(two.sealed.nonce);
  expect(() => new Sealer({ keyId: 'k1', secret: new Uint8Array(31) })).toThrow(RangeError);
});

test.each(['/v1/chat/completions', '/v1/chat/completions?x=1', '/chat/completions', '/v1/chat/completions/'])(
  'a chat request to %s is sealed, though the gateway may not know the address',
  async (path) => {
    const sent: string[] = [];
    const through = async (_input: unknown, init?: RequestInit) => {
      sent.push(String(init?.body));
      return new Response('', { status: 404 });
    };
    const sealer = new Sealer({ keyId: 'k1', secret: new Uint8Array(32) });
    await sealedFetch(sealer, through)(`http://gateway${path}`, { method: 'POST', body: '{"model":"m"}' });
    expect(sent).toEqual([expect.stringMatching(/^\{"sealed":/)]);
  },
);

describe('replies', () => {
  interface Reply {
    readonly secret: string;
    readonly key_id: string;
    readonly method: string;
    readonly user: string;
    readonly request_nonce: string;
  }
  async function read({ secret, key_id, method, user, request_nonce }: Reply, messages: readonly SealedHex[]) {
    const opener = new Sealer({ keyId: key_id, secret: bytes(secret), user }).opener(method, bytes(request_nonce));
    const plaintexts: string[] = [];
    for (const message of messages) plaintexts.push(hex(await opener.open(sealedOf(message))));
    opener.end();
    return plaintexts;
  }

  test.each(vectors.replies)('$name', async (vector) => {
    const messages = vector.messages.map(({ sealed }) => sealed);
    const plaintexts = vector.messages.map(({ plaintext }) => plaintext);
    expect(await read(vector, messages)).toEqual(plaintexts);
    for (const { sealed, sent } of vector.messages) {
      const parsed = isRpc(vector.method) ? sealedOfReply(bytes(sent)) : parseSealed(sent);
      expect(parsed).toEqual(sealedOf(sealed));
    }
  });

  test.each(vectors.invalid_replies)('$name: refused', async (vector) => {
    await expect(read(vector, vector.messages)).rejects.toThrow(SealError);
  });

  test('in the clear: refused', async () => {
    const opener = new Sealer({ keyId: 'k1', secret: new Uint8Array(32) }).opener('m', new Uint8Array(12));
    await expect(opener.open(undefined)).rejects.toThrow(SealError);
  });
});
