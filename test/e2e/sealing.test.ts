import { createHash, randomBytes } from 'node:crypto';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  ChatCompletionRequestSchema,
  ChatCompletionResponseSchema,
  ChatService,
  StreamChatCompletionResponseSchema,
} from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { SealedPayload } from '../../gen/es/llmbridge/v1/sealed_pb.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { newMessage } from '../../src/kernel/messages.ts';
import { connectFailure } from '../clients/connect.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { type ReplyOpener, type Sealed, SealedCaller } from '../support/sealed-caller.ts';

// Sealed calls on every surface, by a caller that has nothing of the gateway but docs/sealing.md.

const secret = randomBytes(32);
const key = 'llmb-sealing-test';
const config = (security: string) => `
providers: { sim: { type: simulator, models: [sim] } }
security:
  api_keys: [{ name: laptop, user: alice, sha256: ${createHash('sha256').update(key).digest('hex')} }]
  sealing: { ${security} keys: [{ id: k1, secret: "${secret.toString('base64')}" }] }
`;
const alice = new SealedCaller(secret, 'k1', 'alice');
const word = 'confidential-word';

/** What came of a call: the text, or why it failed, and all that stood on the wire in the clear. */
interface Told {
  readonly text: string;
  readonly reason: string;
  readonly message: string;
  /** Whether the last mark came. */
  readonly whole: boolean;
}

interface Surface {
  readonly name: string;
  /** Seals a request to this surface; `model` is the simulator's, with its knobs. */
  seal(stream: boolean, model: string, by?: SealedCaller, issuedAt?: number): Promise<Sealed>;
  /** Sends it, and opens what comes. */
  send(url: string, stream: boolean, sealed: Sealed, headers?: Readonly<Record<string, string>>): Promise<Told>;
}

const own = { 'x-api-key': key };
const rpcMethod = (stream: boolean) => `/llmbridge.v1.ChatService/${stream ? 'Stream' : ''}ChatCompletion`;
const decoder = new TextDecoder();

const overRpc = (name: string, transport: (baseUrl: string) => Transport): Surface => ({
  name,
  seal(stream, model, by = alice, issuedAt) {
    const message = { ...newMessage(3), content: word };
    const request = { $typeName: 'llmbridge.v1.ChatCompletionRequest' as const, model, messages: [message] };
    const plaintext = toBinary(ChatCompletionRequestSchema, { ...emptyRequest, ...request });
    return by.seal(rpcMethod(stream), plaintext, issuedAt);
  },
  async send(url, stream, sealed, headers = own) {
    const client = createClient(ChatService, transport(url));
    const reply = alice.reply(rpcMethod(stream), sealed.nonce);
    let text = '';
    try {
      if (stream) {
        for await (const chunk of client.streamChatCompletion({ sealed: { ...sealed } }, { headers })) {
          expect(chunk.choices).toEqual([]);
          const plaintext = await reply.open(sealedOf(chunk));
          const inner = fromBinary(StreamChatCompletionResponseSchema, plaintext);
          text += inner.choices[0]?.delta?.content ?? '';
        }
      } else {
        const response = await client.chatCompletion({ sealed: { ...sealed } }, { headers });
        expect(response.choices).toEqual([]);
        const plaintext = await reply.open(sealedOf(response));
        text = fromBinary(ChatCompletionResponseSchema, plaintext).choices[0]?.message?.content ?? '';
      }
      return { text, reason: '', message: '', whole: reply.whole };
    } catch (thrown) {
      const { reason = '', message } = connectFailure(ConnectError.from(thrown));
      return { text, reason, message, whole: reply.whole };
    }
  },
});

const emptyRequest = fromBinary(ChatCompletionRequestSchema, new Uint8Array());

function sealedOf({ sealed }: { readonly sealed?: SealedPayload | undefined }): Sealed {
  if (sealed === undefined) throw new Error('a reply in the clear');
  return sealed;
}

/** Bytes in base64url; what is 0, empty or false may be left out. */
interface SealedJson {
  readonly version: number;
  readonly key_id: string;
  readonly issued_at: number;
  readonly nonce: string;
  readonly ciphertext: string;
  readonly salt?: string;
  readonly sequence?: number;
  readonly last?: boolean;
}
interface ErrorJson {
  readonly error?: { readonly message: string; readonly code: string | null };
}
const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');

const jsonMethod = '/v1/chat/completions';
const openJson = async (reply: ReplyOpener, { sealed }: { readonly sealed: SealedJson }): Promise<string> =>
  decoder.decode(
    await reply.open({
      version: sealed.version,
      keyId: sealed.key_id,
      issuedAt: sealed.issued_at,
      nonce: Buffer.from(sealed.nonce, 'base64url'),
      ciphertext: Buffer.from(sealed.ciphertext, 'base64url'),
      salt: Buffer.from(sealed.salt ?? '', 'base64url'),
      sequence: sealed.sequence ?? 0,
      last: sealed.last ?? false,
    }),
  );

const json: Surface = {
  name: 'OpenAI-shaped JSON',
  seal(stream, model, by = alice, issuedAt) {
    const body = { model, stream, messages: [{ role: 'user', content: word }] };
    return by.seal(jsonMethod, new TextEncoder().encode(JSON.stringify(body)), issuedAt);
  },
  async send(url, stream, { version, keyId, issuedAt, nonce, ciphertext }, headers = own) {
    const sealed = {
      version,
      key_id: keyId,
      issued_at: issuedAt,
      nonce: base64url(nonce),
      ciphertext: base64url(ciphertext),
    };
    const response = await fetch(`${url}${jsonMethod}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ sealed }),
    });
    const body = await response.text();
    expect(body).not.toContain('simul');
    const reply = alice.reply(jsonMethod, nonce);
    let text = '';
    const failed = ({ error }: ErrorJson) => ({
      text,
      reason: error?.code?.toUpperCase() ?? '',
      message: error?.message ?? '',
      whole: reply.whole,
    });
    if (!response.headers.get('content-type')?.startsWith('text/event-stream')) {
      const whole = JSON.parse(body) as { sealed: SealedJson } & ErrorJson;
      if (whole.error) return failed(whole);
      const inner = JSON.parse(await openJson(reply, whole)) as ErrorJson & {
        choices: { message: { content: string } }[];
      };
      if (inner.error) return failed(inner);
      text = inner.choices[0]?.message.content ?? '';
      return { text, reason: '', message: '', whole: reply.whole };
    }
    expect(stream).toBe(true);
    const events = body.split('\n\n').filter((event) => event.startsWith('data: '));
    let done = false;
    for (const event of events) {
      const data = event.slice('data: '.length);
      if (data === '[DONE]') {
        done = true;
        continue;
      }
      const plaintext = await openJson(reply, JSON.parse(data) as { sealed: SealedJson });
      if (plaintext === '') continue;
      const chunk = JSON.parse(plaintext) as ErrorJson & { choices: { delta: { content?: string } }[] };
      if (chunk.error) return failed(chunk);
      text += chunk.choices[0]?.delta.content ?? '';
    }
    expect(done).toBe(true);
    return { text, reason: '', message: '', whole: reply.whole };
  },
};

const surfaces: readonly Surface[] = [
  overRpc('gRPC', (baseUrl) => createGrpcTransport({ baseUrl })),
  overRpc('gRPC-web', (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' })),
  overRpc('Connect', (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '1.1' })),
  overRpc('Connect JSON', (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '2', useBinaryFormat: false })),
  json,
];

const model = 'sim/sim:tokens=12';
const now = () => Math.floor(Date.now() / 1000);

describe.each(surfaces)('$name', ({ seal, send, name }) => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startGateway(config(''));
  });
  afterAll(() => gateway.stop());

  describe.each([
    ['whole', false],
    ['streamed', true],
  ])('%s', (_name, stream) => {
    test('a sealed call gets a sealed answer, and its replay nothing', async () => {
      const sealed = await seal(stream, model);
      const before = gateway.log.length;
      const told = await send(gateway.url, stream, sealed);
      expect(told).toMatchObject({ reason: '', whole: true });
      expect(told.text).not.toBe('');
      const line = gateway.log.slice(before).find((each) => each['msg'] === 'call');
      expect(line).toMatchObject({ user: 'alice', sealed_by: 'k1', stream });
      expect(JSON.stringify(gateway.log)).not.toContain(word);
      expect(await send(gateway.url, stream, sealed)).toMatchObject({ text: '', reason: 'SEAL_REPLAYED' });
      expect(await send(gateway.url, stream, sealed)).toMatchObject({ text: '', reason: 'SEAL_REPLAYED' });
    });

    test('of many at once with one nonce, one is served', async () => {
      const sealed = await seal(stream, model);
      const told = await Promise.all(Array.from({ length: 100 }, () => send(gateway.url, stream, sealed)));
      const reasons = told.map(({ reason }) => reason).sort();
      expect(reasons).toEqual(['', ...Array(99).fill('SEAL_REPLAYED')]);
    });

    test('whatever does not verify is refused alike', async () => {
      const sealed = await seal(stream, model);
      const flipped = (bytes: Uint8Array, at: number) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
      const other = new SealedCaller(randomBytes(32), 'k1', 'alice');
      const bad: Sealed[] = [
        { ...sealed, keyId: 'k2' },
        { ...sealed, keyId: '' },
        { ...sealed, version: 2 },
        { ...sealed, issuedAt: sealed.issuedAt - 1 },
        { ...sealed, nonce: flipped(sealed.nonce, 11) },
        { ...sealed, nonce: new Uint8Array() },
        { ...sealed, ciphertext: flipped(sealed.ciphertext, 0) },
        { ...sealed, ciphertext: flipped(sealed.ciphertext, sealed.ciphertext.length - 1) },
        { ...sealed, ciphertext: sealed.ciphertext.subarray(1) },
        { ...sealed, ciphertext: new Uint8Array() },
        { ...sealed, nonce: randomBytes(12), ciphertext: randomBytes(40) },
        await seal(stream, model, other),
        await seal(stream, model, new SealedCaller(secret, 'k1', 'bob')),
        // Too old, and not to be told so before it verifies.
        { ...(await seal(stream, model, other, 1)) },
      ];
      const told = await Promise.all(bad.map((each) => send(gateway.url, stream, each)));
      expect(told).toEqual(
        told.map(() => ({
          text: '',
          reason: 'SEAL_INVALID',
          message: 'the sealed message is not valid',
          whole: false,
        })),
      );
      // Another caller, or nobody.
      expect(await send(gateway.url, stream, sealed, {})).toMatchObject({ reason: 'SEAL_INVALID' });
      // None of them claimed the nonce.
      expect(await send(gateway.url, stream, sealed)).toMatchObject({ reason: '', whole: true });
    });

    test('what is too old or dated ahead is refused, once it verified', async () => {
      for (const issuedAt of [now() - 310, now() + 60, 0, 2 ** 32 - 1]) {
        const sealed = await seal(stream, model, alice, issuedAt);
        expect(await send(gateway.url, stream, sealed)).toMatchObject({ text: '', reason: 'SEAL_EXPIRED' });
      }
    });

    test('a failure is no whole answer', async () => {
      const unknown = await send(gateway.url, stream, await seal(stream, 'no-such-model'));
      expect(unknown).toMatchObject({ text: '', reason: 'MODEL_NOT_FOUND' });
      if (!stream) return;
      const cut = await send(gateway.url, stream, await seal(stream, 'sim/sim:tokens=20,cut=4'));
      expect(cut.text).not.toBe('');
      expect(cut).toMatchObject({ reason: 'PROVIDER_STREAM_CUT' });
      if (name !== json.name) expect(cut.whole).toBe(false);
    });
  });

  test('a message for the other method is none', async () => {
    if (name === json.name) return;
    const sealed = await seal(true, model);
    expect(await send(gateway.url, false, sealed)).toMatchObject({ reason: 'SEAL_INVALID' });
  });
});

test('a message of one surface is none of the other', async () => {
  const gateway = await startGateway(config(''));
  const [grpc] = surfaces;
  try {
    if (grpc === undefined) throw new Error('no gRPC');
    expect(await json.send(gateway.url, false, await grpc.seal(false, model))).toMatchObject({
      reason: 'SEAL_INVALID',
    });
    expect(await grpc.send(gateway.url, false, await json.seal(false, model))).toMatchObject({
      reason: 'SEAL_INVALID',
    });
  } finally {
    await gateway.stop();
  }
});

test('a restart takes nothing that was taken before it', async () => {
  const first = await startGateway(config(''));
  const sealed = await json.seal(false, model);
  expect(await json.send(first.url, false, sealed)).toMatchObject({ reason: '' });
  await first.stop();
  const second = await startGateway(config(''));
  try {
    expect(await json.send(second.url, false, sealed)).toMatchObject({ reason: 'SEAL_EXPIRED' });
    expect(await json.send(second.url, false, await json.seal(false, model))).toMatchObject({ reason: '' });
  } finally {
    await second.stop();
  }
});

test('over a limit nothing is claimed, and a replay uses up nothing', async () => {
  let passed = 0;
  const clock = {
    ...systemClock,
    now: () => systemClock.now() + passed,
    wall: () => systemClock.wall() + passed,
  };
  const limited = `${config('window: 1h,')}rate_limit: { user: { requests: 2/m } }`;
  const gateway = await startGateway(limited, {}, { clock });
  try {
    for (const { seal, send } of [json, ...surfaces.slice(0, 1)]) {
      const reasonOf = async (sealed: Sealed) => (await send(gateway.url, false, sealed)).reason;
      const [one, two, three] = [await seal(false, model), await seal(false, model), await seal(false, model)];
      expect(await reasonOf(one)).toBe('');
      for (let i = 0; i < 5; i++) expect(await reasonOf(one)).toBe('SEAL_REPLAYED');
      expect(await reasonOf(two)).toBe('');
      for (let i = 0; i < 5; i++) expect(await reasonOf(three)).toMatch(/^RATE_LIMIT/);
      passed += 120_000;
      expect(await reasonOf(three)).toBe('');
      expect(await reasonOf(three)).toBe('SEAL_REPLAYED');
      passed += 120_000;
    }
  } finally {
    await gateway.stop();
  }
});

describe('what the mode says', () => {
  const clear = async (url: string, by = key) => {
    const response = await fetch(`${url}${jsonMethod}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': by },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: word }] }),
    });
    return `${response.status} ${((await response.json()) as ErrorJson).error?.code ?? ''}`;
  };

  test.each([
    ['required', '400 seal_required', ''],
    ['optional', '200 ', ''],
    ['off', '200 ', 'FIELD_INVALID'],
  ])('%s', async (mode, inTheClear, sealedReason) => {
    const gateway = await startGateway(config(`mode: ${mode},`));
    try {
      expect(await clear(gateway.url)).toBe(inTheClear);
      for (const surface of surfaces) {
        const told = await surface.send(gateway.url, false, await surface.seal(false, model));
        expect(told.message.includes('sealing.mode')).toBe(mode === 'off');
        if (surface !== json || mode !== 'off') expect(told.reason).toBe(sealedReason);
      }
      expect((await fetch(`${gateway.url}/v1/models`, { headers: own })).status).toBe(200);
    } finally {
      await gateway.stop();
    }
  });

  test('required of one caller', async () => {
    const other = 'llmb-sealing-other';
    const sha256 = createHash('sha256').update(other).digest('hex');
    const both = config('').replace('api_keys: [', `api_keys: [{ name: o, user: o, sha256: ${sha256} }, `);
    const gateway = await startGateway(both.replace('user: alice,', 'user: alice, must_seal: true,'));
    try {
      expect(await clear(gateway.url)).toBe('400 seal_required');
      expect(await clear(gateway.url, other)).toBe('200 ');
      for (const surface of surfaces) {
        expect((await surface.send(gateway.url, true, await surface.seal(true, model))).reason).toBe('');
      }
    } finally {
      await gateway.stop();
    }
  });

  test('a key that is no key, or a mode without keys, is no configuration', async () => {
    const start = (sealing: string) =>
      startGateway(`providers: { sim: { type: simulator } }\nsecurity: { sealing: { ${sealing} } }`);
    await expect(start('keys: [{ id: k1, secret: short }]')).rejects.toThrow('256 bits');
    await expect(start('mode: required')).rejects.toThrow('security.sealing.mode');
    const mustSeal = config('mode: off,').replace('user: alice,', 'user: alice, must_seal: true,');
    await expect(startGateway(mustSeal)).rejects.toThrow('security.api_keys[0].must_seal');
  });
});
