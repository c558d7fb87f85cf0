import { createHash, randomBytes } from 'node:crypto';
import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ChatCompletionRequest, ChatServiceClient } from '../../gen/ts-proto/llmbridge/v1/chat_service.ts';
import type { SealedPayload } from '../../gen/ts-proto/llmbridge/v1/sealed.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { type Sealed, SealedCaller } from '../support/sealed-caller.ts';
import { type SealedSurface, sealedSurfaces } from '../support/sealed-surfaces.ts';

// Sealed requests that are not as they were sealed: whatever is wrong, callers are told one and the same.

const secret = randomBytes(32);
const key = 'llmb-attacks';
const own = { 'x-api-key': key };
const alice = new SealedCaller(secret, 'k1', 'alice');
const { all: surfaces, json } = sealedSurfaces({ caller: alice, headers: own, word: 'word' });
const model = 'sim/sim:tokens=4';

let gateway: TestGateway;
let client: ChatServiceClient;
const config = (padding: string) => `
providers: { sim: { type: simulator, models: [sim] } }
security:
  api_keys: [{ name: laptop, user: alice, sha256: ${createHash('sha256').update(key).digest('hex')} }]
  sealing: { padding: ${padding}, keys: [{ id: k1, secret: "${secret.toString('base64')}" }, { id: k2, secret: "${randomBytes(32).toString('base64')}" }] }
`;
beforeAll(async () => {
  gateway = await startGateway(config('off'));
  client = new ChatServiceClient(`127.0.0.1:${gateway.port}`, credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  await gateway.stop();
});

const flipped = (bytes: Uint8Array, bit: number): Uint8Array =>
  bytes.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));

/** Every kind of field, with a bit of it changed, and some that are changed as a whole. */
function changed(sealed: Sealed): Record<string, Sealed> {
  const { nonce, ciphertext, issuedAt, keyId } = sealed;
  const bits = (length: number) => [0, 7, length * 4, length * 8 - 1];
  return {
    ...Object.fromEntries(bits(12).map((bit) => [`nonce ${bit}`, { ...sealed, nonce: flipped(nonce, bit) }])),
    ...Object.fromEntries(
      bits(ciphertext.length).map((bit) => [`ciphertext ${bit}`, { ...sealed, ciphertext: flipped(ciphertext, bit) }]),
    ),
    ...Object.fromEntries(
      [0, 5, 31].map((bit) => [`time ${bit}`, { ...sealed, issuedAt: (issuedAt ^ (1 << bit)) >>> 0 }]),
    ),
    ...Object.fromEntries(
      [0, 1, 31].map((bit) => [`version ${bit}`, { ...sealed, version: (sealed.version ^ (1 << bit)) >>> 0 }]),
    ),
    'key id': { ...sealed, keyId: 'k2' },
    'unknown key id': { ...sealed, keyId: 'k3' },
    'bit of the key id': { ...sealed, keyId: String.fromCharCode(keyId.charCodeAt(0) ^ 1) + keyId.slice(1) },
    'tag cut': { ...sealed, ciphertext: ciphertext.subarray(0, -1) },
    'all cut': { ...sealed, ciphertext: new Uint8Array() },
    'nonce longer': { ...sealed, nonce: new Uint8Array([...nonce, 0]) },
  };
}

/** An answer over HTTP, but for what every answer has of its own. */
async function httpAnswer(path: string, type: string, body: string | Uint8Array<ArrayBuffer>): Promise<unknown> {
  const response = await fetch(`${gateway.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': type, ...own },
    body,
  });
  const headers = [...response.headers].filter(([name]) => !/^(x-request-id|traceparent|date)$/.test(name));
  return { status: response.status, headers, body: await response.text() };
}

const sealedJson = ({ version, keyId, issuedAt, nonce, ciphertext }: Sealed): string =>
  JSON.stringify({
    sealed: {
      version,
      key_id: keyId,
      issued_at: issuedAt,
      nonce: Buffer.from(nonce).toString('base64url'),
      ciphertext: Buffer.from(ciphertext).toString('base64url'),
    },
  });

/** All that grpc-js tells of a failure. */
const grpcAnswer = (sealed: SealedPayload): Promise<unknown> =>
  new Promise((resolve) => {
    const metadata = new Metadata();
    metadata.set('x-api-key', key);
    client.chatCompletion(ChatCompletionRequest.fromPartial({ sealed }), metadata, (error: ServiceError | null) => {
      const trailers = error?.metadata.toJSON() ?? {};
      for (const name of ['x-request-id', 'traceparent', 'date']) delete trailers[name];
      resolve(error === null ? 'served' : { code: error.code, details: error.details, trailers });
    });
  });

describe('one and the same answer for all that does not verify', () => {
  test('OpenAI-shaped JSON: status, headers and body', async () => {
    const sealed = await json.seal(false, model);
    const answers = Object.entries(changed(sealed)).map(async ([name, each]) => {
      // A number beyond 32 bits or a negative one is no such field at all.
      return [name, await httpAnswer('/v1/chat/completions', 'application/json', sealedJson(each))] as const;
    });
    const [first, ...rest] = await Promise.all(answers);
    expect(first?.[1]).toMatchObject({ status: 401, body: expect.stringContaining('"seal_invalid"') });
    for (const [name, answer] of rest) expect([name, answer]).toEqual([name, first?.[1]]);
  });

  test('gRPC: code, text and details', async () => {
    const sealed = await alice.seal(
      '/llmbridge.v1.ChatService/ChatCompletion',
      ChatCompletionRequest.encode(ChatCompletionRequest.fromPartial({ model })).finish(),
    );
    const whole = (each: Sealed): SealedPayload => ({
      ...each,
      nonce: Buffer.from(each.nonce),
      ciphertext: Buffer.from(each.ciphertext),
      salt: Buffer.from(each.salt),
    });
    const answers = await Promise.all(
      Object.entries(changed(sealed)).map(async ([name, each]) => [name, await grpcAnswer(whole(each))] as const),
    );
    const [, first] = answers[0] ?? [];
    expect(first).toMatchObject({ code: 16, details: 'the sealed message is not valid' });
    for (const [name, answer] of answers) expect([name, answer]).toEqual([name, first]);
  });

  test.each(surfaces)('$name', async ({ seal, send }) => {
    const sealed = await seal(false, model);
    const told = await Promise.all(Object.values(changed(sealed)).map((each) => send(gateway.url, false, each)));
    expect(new Set(told.map((each) => JSON.stringify(each)))).toEqual(new Set([JSON.stringify(told[0])]));
    expect(told[0]).toMatchObject({ reason: 'SEAL_INVALID' });
    // A reply is no request, under whatever direction it is sent.
    const other = new SealedCaller(secret, 'k1', 'alice');
    const reflected = await other.seal('/v1/models', new Uint8Array(8));
    expect(await send(gateway.url, false, reflected)).toEqual(told[0]);
    expect(await send(gateway.url, false, sealed)).toMatchObject({ reason: '' });
  });
});

describe('anything at all in `sealed`', () => {
  const bytes = fc.uint8Array({ maxLength: 300 });
  const text = fc.oneof(
    fc.constant('k1'),
    fc.string(),
    bytes.map((each) => Buffer.from(each).toString('base64url')),
  );
  const field = fc.oneof(
    { depthSize: 'small' },
    text,
    fc.integer(),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.jsonValue(),
  );
  const sealed = fc.oneof(
    fc.jsonValue(),
    fc.record(
      {
        version: fc.oneof(fc.constant(1), field),
        key_id: text,
        issued_at: fc.oneof(fc.nat(), field),
        nonce: fc.oneof(
          fc.uint8Array({ minLength: 12, maxLength: 12 }).map((each) => Buffer.from(each).toString('base64url')),
          field,
        ),
        ciphertext: fc.oneof(text, field),
        salt: field,
        sequence: field,
        last: field,
      },
      { requiredKeys: [] },
    ),
  );
  const typed = /"type":"(invalid_request_error|authentication_error)"/;

  test('is a typed error in JSON', async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(sealed, async (value) => {
        const { status, body } = (await httpAnswer(
          '/v1/chat/completions',
          'application/json',
          JSON.stringify({ sealed: value }),
        )) as {
          status: number;
          body: string;
        };
        seen.add(String(status));
        expect([400, 401]).toContain(status);
        expect(body).toMatch(typed);
      }),
      { numRuns: 300 },
    );
    expect([...seen].sort()).toEqual(['400', '401']);
  });

  test('is a typed error in Connect’s JSON and binary forms', async () => {
    const path = '/llmbridge.v1.ChatService/ChatCompletion';
    await fc.assert(
      fc.asyncProperty(sealed, bytes, async (value, noise) => {
        for (const [type, body] of [
          ['application/json', JSON.stringify({ sealed: value })],
          // Field 37 of the request, of bytes: a sealed message that is noise.
          ['application/proto', new Uint8Array([0xaa, 0x02, ...varint(noise.length), ...noise])],
        ] as const) {
          const answer = (await httpAnswer(path, type, body)) as { status: number; body: string };
          expect([400, 401]).toContain(answer.status);
          expect(answer.body).toMatch(/"code":"(invalid_argument|unauthenticated)"/);
        }
      }),
      { numRuns: 150 },
    );
  });

  test('is a typed error over gRPC', async () => {
    const payload = fc.record({
      version: fc.oneof(fc.constant(1), fc.nat()),
      keyId: fc.oneof(fc.constant('k1'), fc.string()),
      issuedAt: fc.nat(),
      nonce: fc.oneof(fc.uint8Array({ minLength: 12, maxLength: 12 }), bytes).map((each) => Buffer.from(each)),
      ciphertext: bytes.map((each) => Buffer.from(each)),
      salt: bytes.map((each) => Buffer.from(each)),
      sequence: fc.nat(),
      last: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(payload, async (each) => {
        expect(await grpcAnswer(each)).toMatchObject({ code: 16, details: 'the sealed message is not valid' });
      }),
      { numRuns: 200 },
    );
  });

  test('sealed noise, and what is sealed twice, are typed errors too', async () => {
    const told = async (plaintext: Uint8Array) =>
      json.send(gateway.url, false, await alice.seal('/v1/chat/completions', plaintext));
    for (const text of [
      randomBytes(100),
      Buffer.from('{'),
      Buffer.from('"text"'),
      Buffer.from('[]'),
      Buffer.from('{}'),
    ]) {
      expect(await told(text)).toMatchObject({ text: '', message: expect.stringMatching(/./), whole: true });
    }
    const twice = await told(Buffer.from(sealedJson(await json.seal(false, model))));
    expect(twice.message).toContain('sealed twice');
  });
});

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

describe('padding', () => {
  /** A caller that keeps the lengths of what it is sent. */
  class Measuring extends SealedCaller {
    readonly lengths: number[] = [];

    override reply(method: string, requestNonce: Uint8Array) {
      const reply = super.reply(method, requestNonce);
      const open = reply.open.bind(reply);
      reply.open = (message) => {
        this.lengths.push(message.ciphertext.length - 16);
        return open(message);
      };
      return reply;
    }
  }
  const names = surfaces.map(({ name }) => name);

  test.each(['pow2', '100B'])('%s: replies tell their lengths roughly', async (padding) => {
    const padded = await startGateway(config(padding));
    try {
      for (const name of names) {
        const caller = new Measuring(secret, 'k1', 'alice');
        const surface = sealedSurfaces({ caller, headers: own, word: 'word' }).all.find(
          (each): each is SealedSurface => each.name === name,
        );
        if (surface === undefined) throw new Error(name);
        for (const [stream, asked] of [
          [false, model],
          [true, model],
          [false, 'no-such-model'],
        ] as const) {
          caller.lengths.length = 0;
          const { text, whole } = await surface.send(padded.url, stream, await surface.seal(stream, asked));
          expect(text === '').toBe(asked !== model);
          expect(whole).toBe(asked === model || name === json.name);
          // The mark behind a stream is empty.
          const lengths = stream ? caller.lengths.slice(0, -1) : caller.lengths;
          if (stream) expect(caller.lengths.at(-1)).toBe(0);
          for (const length of lengths)
            expect(padding === 'pow2' ? length >= 64 && Number.isInteger(Math.log2(length)) : length % 100 === 0).toBe(
              true,
            );
        }
      }
    } finally {
      await padded.stop();
    }
  });
});
