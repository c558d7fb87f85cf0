import { randomBytes } from 'node:crypto';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import {
  ChatCompletionRequestSchema,
  ChatCompletionResponseSchema,
  StreamChatCompletionResponseSchema,
} from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { chat, chunk, response, streamPath, unaryPath } from '../../test/support/chat.ts';
import { type Sealed, SealedCaller } from '../../test/support/sealed-caller.ts';
import { KeyRing } from '../crypto/key-ring.ts';
import type { Protocol } from '../kernel/call.ts';
import { Fault } from '../kernel/fault.ts';
import { noLimitEvents } from '../kernel/limit-events.ts';
import type { ChatChunk } from '../kernel/messages.ts';
import type { Method, Reply } from '../kernel/method.ts';
import type { ClaimRefusal } from '../kernel/nonce-claim.ts';
import { createAdmit } from './admit.ts';
import { intercept } from './pipeline.ts';
import { createSeals } from './seals.ts';
import { openedCall } from './testing/opened-call.ts';
import { createUnseal, type UnsealOptions } from './unseal.ts';

const secret = randomBytes(32);
const caller = new SealedCaller(secret, 'k1');
const wall = 1_800_000_000_000;

interface SetUp {
  readonly mode?: UnsealOptions['mode'];
  /** Why its claim is refused. */
  readonly stale?: ClaimRefusal;
  readonly method?: string;
  readonly protocol?: Protocol;
}

type Request = MessageInitShape<typeof ChatCompletionRequestSchema>;

/** Asks a chat service that echoes the model, and tells of the messages that came. */
async function ask(request: Request, setUp: SetUp = {}) {
  const { mode = 'optional', stale, method = unaryPath, protocol = 'grpc' } = setUp;
  const claims: string[] = [];
  const seals = createSeals({
    ring: () => new KeyRing([{ id: 'k1', secret, state: 'active' }]),
    windowMs: 300_000,
    clock: { wall: () => wall },
    worn: () => {},
    mostMessages: 10,
  });
  const [unary, stream] = intercept(
    chat({
      unary: async (_call, { model }, reply) => void reply.message(response(model)),
      stream: async (_call, { model }, reply) => {
        for (const letter of model) {
          if (letter === '!') throw new Fault('PROVIDER_STREAM_CUT', 'cut');
          reply.message(chunk(letter));
        }
      },
    }),
    [
      createUnseal({ mode, seals }),
      createAdmit({
        limits: { users: new Map(), models: new Map(), userModels: new Map() },
        limiter: {
          take({ claim }) {
            if (claim === undefined) throw new Error('asked for nothing');
            claims.push(`${claim.scope} ${Buffer.from(claim.nonce, 'base64url').toString('hex')} ${claim.issuedAt}`);
            return { lease: stale === undefined ? 1 : undefined, claim: stale, refusals: [], standings: [] };
          },
          settle() {},
        },
        assumedCompletion: 1,
        askedModel: () => undefined,
        events: noLimitEvents,
      }),
    ],
  );
  const handle = (method === unaryPath ? unary : stream)?.handle as Method<unknown, unknown>;
  const messages: ChatChunk[] = [];
  const call = openedCall({ method, protocol });
  const reply: Reply<unknown> = { message: (message) => messages.push(message as ChatChunk) > 0, onDrain: () => {} };
  let reason = '';
  await handle(call, create(ChatCompletionRequestSchema, request), reply).catch((thrown: unknown) => {
    reason = Fault.from(thrown).reason;
  });
  return { messages, claims, reason, call };
}

const sealed = (model: string, method = unaryPath) =>
  caller.seal(
    method,
    toBinary(ChatCompletionRequestSchema, create(ChatCompletionRequestSchema, { model })),
    wall / 1000,
  );
const as = (payload: Sealed): Request => ({ sealed: { ...payload } });

describe('a sealed call', () => {
  test('is opened, admitted with its claim, served, and its reply sealed', async () => {
    const request = await sealed('hello');
    const { messages, claims, call } = await ask({ model: 'in the clear', ...as(request) });
    expect(claims).toEqual([`seal:k1 ${Buffer.from(request.nonce).toString('hex')} ${wall / 1000}`]);
    expect(call.sealedBy).toBe('k1');
    const [message] = messages;
    if (message?.sealed === undefined || messages.length > 1) throw new Error('one sealed message is due');
    expect(message).toMatchObject({ id: '', choices: [], model: '', report: undefined });
    const reply = caller.reply(unaryPath, request.nonce);
    const plaintext = await reply.open(message.sealed);
    expect(fromBinary(ChatCompletionResponseSchema, plaintext).id).toBe('hello');
    expect(reply.whole).toBe(true);
    expect(message.sealed.issuedAt).toBe(wall / 1000);
  });

  test('has each message of a stream sealed, and its end marked only where it is whole', async () => {
    for (const [model, expected, whole] of [
      ['abc', ['a', 'b', 'c', ''], true],
      ['ab!', ['a', 'b'], false],
      ['', [''], true],
    ] as const) {
      const request = await sealed(model, streamPath);
      const { messages, reason } = await ask(as(request), { method: streamPath });
      const reply = caller.reply(streamPath, request.nonce);
      const ids: string[] = [];
      for (const message of messages) {
        if (message.sealed === undefined) throw new Error('in the clear');
        ids.push(fromBinary(StreamChatCompletionResponseSchema, await reply.open(message.sealed)).id);
      }
      expect({ ids, whole: reply.whole, reason }).toEqual({
        ids: expected,
        whole,
        reason: whole ? '' : 'PROVIDER_STREAM_CUT',
      });
    }
  });

  test.each<[ClaimRefusal, string]>([
    ['replayed', 'SEAL_REPLAYED'],
    ['expired', 'SEAL_EXPIRED'],
  ])('whose claim is %s is refused', async (stale, reason) => {
    const told = await ask(as(await sealed('x')), { stale });
    expect(told).toMatchObject({ reason, messages: [] });
  });

  test('that does not verify claims nothing', async () => {
    const request = await sealed('x');
    const told = await ask(as({ ...request, issuedAt: request.issuedAt + 1 }));
    expect(told).toMatchObject({ reason: 'SEAL_INVALID', claims: [], messages: [] });
  });

  test('holds a request, and none that is sealed again', async () => {
    const garbage = await caller.seal(unaryPath, Buffer.from('ffff', 'hex'), wall / 1000);
    expect(await ask(as(garbage))).toMatchObject({ reason: 'FIELD_INVALID', messages: [] });
    const twice = toBinary(ChatCompletionRequestSchema, create(ChatCompletionRequestSchema, as(await sealed('x'))));
    const outer = await caller.seal(unaryPath, twice, wall / 1000);
    expect(await ask(as(outer))).toMatchObject({ reason: 'FIELD_INVALID', messages: [] });
  });

  test('of the OpenAI-shaped surface is not for here', async () => {
    expect(await ask(as(await sealed('x')), { protocol: 'http' })).toMatchObject({
      reason: 'FIELD_INVALID',
      claims: [],
    });
  });
});

describe('the mode', () => {
  test.each<[NonNullable<SetUp['mode']>, string, string]>([
    ['off', '', 'FIELD_INVALID'],
    ['optional', '', ''],
    ['required', 'SEAL_REQUIRED', ''],
  ])('%s', async (mode, clear, whenSealed) => {
    expect((await ask({ model: 'x' }, { mode })).reason).toBe(clear);
    expect((await ask(as(await sealed('x')), { mode })).reason).toBe(whenSealed);
  });
});

test('a key that many messages came under is told of, once', async () => {
  const worn: string[] = [];
  const seals = createSeals({
    ring: () => new KeyRing([{ id: 'k1', secret, state: 'active' }]),
    windowMs: 300_000,
    clock: { wall: () => wall },
    worn: (keyId) => worn.push(keyId),
    mostMessages: 3,
  });
  const told: number[] = [];
  for (let i = 0; i < 5; i++) {
    const request = create(ChatCompletionRequestSchema, as(await sealed('x')));
    if (request.sealed !== undefined) await seals.open(openedCall(), request.sealed, unaryPath);
    told.push(worn.length);
  }
  expect(told).toEqual([0, 0, 1, 1, 1]);
  expect(worn).toEqual(['k1']);
});
