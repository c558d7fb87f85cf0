import { randomBytes } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type SealedPayload, SealedPayloadSchema } from '../../gen/es/llmbridge/v1/sealed_pb.ts';
import { type Sealed, SealedCaller } from '../../test/support/sealed-caller.ts';
import { KeyRing, parseSecret, type SealingKey } from './key-ring.ts';
import { openRequest } from './seal.ts';

const method = '/llmbridge.v1.ChatService/StreamChatCompletion';
const secret = randomBytes(32);
const other = randomBytes(32);
const payload = (sealed: Sealed): SealedPayload => create(SealedPayloadSchema, sealed);
const ringOf = (...keys: Partial<SealingKey>[]) =>
  new KeyRing(keys.map((key) => ({ id: 'k1', secret, state: 'active' as const, ...key })));
const ring = ringOf({}, { id: 'k2', secret: other });
const now = 1_800_000_000;
const alice = new SealedCaller(secret, 'k1', 'alice');
const words = new TextEncoder().encode('words in confidence');

const open = (sealed: Sealed, user = 'alice', on = ring, to = method) => openRequest(on, payload(sealed), to, user);

describe('a sealed request', () => {
  test('opens, and its reply opens at the caller, message by message', async () => {
    const sealed = await alice.seal(method, words, now);
    const opened = open(sealed);
    expect(opened?.plaintext).toEqual(Buffer.from(words));
    const reply = alice.reply(method, sealed.nonce);
    for (const [i, piece] of ['a', '', 'c'.repeat(100_000)].entries()) {
      const message = opened?.reply.seal(Buffer.from(piece), now + i, i === 2);
      if (message === undefined) throw new Error('not opened');
      expect(message.salt).toHaveLength(i === 0 ? 16 : 0);
      expect(Buffer.from(await reply.open(message)).toString()).toBe(piece);
      expect(reply.whole).toBe(i === 2);
    }
    expect(() => opened?.reply.seal(words, now, false)).toThrow('sealed already');
  });

  test('may be empty, and its user nobody or anyone', async () => {
    for (const user of ['', 'a', '名前', 'x'.repeat(300)]) {
      const sealed = await new SealedCaller(secret, 'k1', user).seal(method, new Uint8Array(), now);
      expect(open(sealed, user)?.plaintext).toHaveLength(0);
      expect(open(sealed, `${user}.`)).toBeUndefined();
    }
  });

  test('opens under no other user, method, key or time', async () => {
    const sealed = await alice.seal(method, words, now);
    expect(open(sealed, 'bob')).toBeUndefined();
    expect(open(sealed, '')).toBeUndefined();
    expect(open(sealed, 'alice', ring, '/llmbridge.v1.ChatService/ChatCompletion')).toBeUndefined();
    expect(open({ ...sealed, keyId: 'k2' })).toBeUndefined();
    expect(open({ ...sealed, keyId: 'k3' })).toBeUndefined();
    expect(open({ ...sealed, keyId: '' })).toBeUndefined();
    expect(open({ ...sealed, keyId: 'k'.repeat(70_000) })).toBeUndefined();
    expect(open({ ...sealed, issuedAt: now + 1 })).toBeUndefined();
    expect(open({ ...sealed, version: 2 })).toBeUndefined();
    expect(open(sealed, 'alice', ringOf({ secret: other }))).toBeUndefined();
  });

  test('opens with no bit flipped, cut or added', async () => {
    const sealed = await alice.seal(method, words, now);
    for (const field of ['nonce', 'ciphertext'] as const) {
      for (let bit = 0; bit < sealed[field].length * 8; bit++) {
        const bytes = Uint8Array.from(sealed[field]);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(open({ ...sealed, [field]: bytes }), `${field} ${bit}`).toBeUndefined();
      }
      for (let length = 0; length < sealed[field].length; length++) {
        expect(open({ ...sealed, [field]: sealed[field].subarray(0, length) })).toBeUndefined();
      }
      expect(open({ ...sealed, [field]: new Uint8Array([...sealed[field], 0]) })).toBeUndefined();
    }
    expect(open(sealed)).toBeDefined();
  });

  test('opens with no bit of its header flipped', async () => {
    const sealed = await alice.seal(method, words, now);
    for (const field of ['version', 'issuedAt', 'sequence'] as const)
      for (let bit = 0; bit < 32; bit++)
        expect(open({ ...sealed, [field]: (sealed[field] ^ (1 << bit)) >>> 0 }), `${field} ${bit}`).toBeUndefined();
    const flipped = (text: string, bit: number) => {
      const at = bit >> 4;
      return text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << (bit & 15))) + text.slice(at + 1);
    };
    // A ring that knows any key by the same secret: the id itself is bound.
    for (let bit = 0; bit < 32; bit++) {
      const keyId = flipped('k1', bit);
      expect(open({ ...sealed, keyId }, 'alice', ringOf({ id: keyId })), `key id ${bit}`).toBeUndefined();
    }
    for (let bit = 0; bit < 5 * 16; bit++) expect(open(sealed, flipped('alice', bit))).toBeUndefined();
    for (let bit = 0; bit < method.length * 16; bit++)
      expect(open(sealed, 'alice', ring, flipped(method, bit))).toBeUndefined();
    expect(open({ ...sealed, last: true })).toBeUndefined();
  });

  test('of anything at all is refused, and never a crash', () => {
    const bytes = fc.uint8Array({ maxLength: 64 });
    const any = fc.record({
      version: fc.oneof(fc.constant(1), fc.nat()),
      keyId: fc.oneof(fc.constant('k1'), fc.string(), fc.string({ minLength: 70_000, maxLength: 70_000 })),
      issuedAt: fc.nat(2 ** 32 - 1),
      nonce: fc.oneof(fc.uint8Array({ minLength: 12, maxLength: 12 }), bytes),
      ciphertext: bytes,
      salt: fc.oneof(fc.constant(new Uint8Array()), bytes),
      sequence: fc.oneof(fc.constant(0), fc.nat()),
      last: fc.boolean(),
    });
    fc.assert(fc.property(any, fc.string(), (sealed, user) => open(sealed, user) === undefined));
  });

  test('has no fields of a reply, and is none', async () => {
    const sealed = await alice.seal(method, words, now);
    expect(open({ ...sealed, salt: new Uint8Array(16) })).toBeUndefined();
    expect(open({ ...sealed, sequence: 1 })).toBeUndefined();
    expect(open({ ...sealed, last: true })).toBeUndefined();
    const reply = open(sealed)?.reply.seal(words, now, true);
    if (reply === undefined) throw new Error('not opened');
    expect(open(reply)).toBeUndefined();
    expect(open({ ...reply, salt: new Uint8Array(), last: false })).toBeUndefined();
  });
});

describe('a sealed reply', () => {
  async function replies() {
    const sealed = await alice.seal(method, words, now);
    const seal = open(sealed)?.reply;
    if (seal === undefined) throw new Error('not opened');
    const messages = ['one', 'two', 'three'].map((word, i) => seal.seal(Buffer.from(word), now, i === 2));
    const [one, two, three] = messages;
    if (one === undefined || two === undefined || three === undefined) throw new Error('not sealed');
    return { sealed, one, two, three, opener: () => alice.reply(method, sealed.nonce) };
  }

  test('opens in no other order, not twice and not beyond its end', async () => {
    const { one, two, three, opener } = await replies();
    await expect(opener().open(two)).rejects.toThrow();
    const reader = opener();
    await reader.open(one);
    await expect(reader.open(one)).rejects.toThrow();
    await expect(reader.open(three)).rejects.toThrow();
    await expect(reader.open({ ...three, sequence: 1, nonce: two.nonce })).rejects.toThrow();
    await reader.open(two);
    expect(reader.whole).toBe(false);
    await expect(reader.open({ ...three, last: false })).rejects.toThrow();
    await reader.open(three);
    await expect(reader.open({ ...one, sequence: 3 })).rejects.toThrow();
  });

  test('cannot be ended by anyone else', async () => {
    const { one, opener } = await replies();
    await expect(opener().open({ ...one, last: true })).rejects.toThrow();
  });

  test('belongs to one request, even to one sent twice', async () => {
    const { sealed, one } = await replies();
    const again = open(sealed)?.reply.seal(Buffer.from('one'), now, false);
    expect(again?.ciphertext).not.toEqual(one.ciphertext);
    const another = await alice.seal(method, words, now);
    await expect(alice.reply(method, another.nonce).open(one)).rejects.toThrow();
    await expect(new SealedCaller(secret, 'k1', 'bob').reply(method, sealed.nonce).open(one)).rejects.toThrow();
  });
});

describe('the key ring', () => {
  test('retired keys open, revoked and unknown ones do not', async () => {
    const sealed = await alice.seal(method, words, now);
    expect(open(sealed, 'alice', ringOf({ state: 'retired' }))).toBeDefined();
    expect(open(sealed, 'alice', ringOf({ state: 'revoked' }))).toBeUndefined();
    expect(open(sealed, 'alice', new KeyRing([]))).toBeUndefined();
  });

  test("a user's key is nobody else's", async () => {
    const bound = ringOf({ user: 'alice' });
    const bob = new SealedCaller(secret, 'k1', 'bob');
    expect(open(await alice.seal(method, words, now), 'alice', bound)).toBeDefined();
    expect(open(await bob.seal(method, words, now), 'bob', bound)).toBeUndefined();
    expect(open(await bob.seal(method, words, now), 'bob', ring)).toBeDefined();
  });

  test('takes 256 bits and nothing else', () => {
    expect(() => ringOf({ secret: randomBytes(16) })).toThrow('256 bits');
    for (const form of ['hex', 'base64', 'base64url'] as const) {
      expect(parseSecret(secret.toString(form))).toEqual(secret);
      expect(parseSecret(secret.subarray(1).toString(form))).toBeUndefined();
      expect(parseSecret(Buffer.concat([secret, secret]).toString(form))).toBeUndefined();
    }
    for (const text of ['', 'correct horse battery staple', '='.repeat(43)]) expect(parseSecret(text)).toBeUndefined();
  });
});
