/**
 * What sealing costs, CPU microseconds on one core, medians of all rounds, the kinds in turn: opening a request and sealing
 * its answer; one more chunk of a stream; a whole sealed call through the interceptor, protobuf included, beside one in
 * the clear; and a call in the clear with the interceptor and without.
 *
 *   node bench/sealing.ts
 */
import { randomBytes } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { ChatCompletionRequestSchema, ChatCompletionResponseSchema } from '../gen/es/llmbridge/v1/chat_service_pb.ts';
import { SealedPayloadSchema } from '../gen/es/llmbridge/v1/sealed_pb.ts';
import { aesGcmSeal } from '../src/crypto/aes-gcm.ts';
import { requestAad } from '../src/crypto/format.ts';
import { KeyRing } from '../src/crypto/key-ring.ts';
import { requestKey } from '../src/crypto/keys.ts';
import { openRequest } from '../src/crypto/seal.ts';
import { createSeals } from '../src/interceptors/seals.ts';
import { createUnseal } from '../src/interceptors/unseal.ts';
import { Call } from '../src/kernel/call.ts';
import { systemClock } from '../src/kernel/clock.ts';
import type { Method } from '../src/kernel/method.ts';

const WARM_UP = 3;
const ROUNDS = 21;
const CALLS = 5_000;

const method = '/llmbridge.v1.ChatService/ChatCompletion';
const secret = randomBytes(32);
const ring = new KeyRing([{ id: 'k1', secret, state: 'active' }]);
const issuedAt = Math.floor(Date.now() / 1000);

function seal(plaintext: Uint8Array) {
  const nonce = randomBytes(12);
  const aad = requestAad({ method, keyId: 'k1', issuedAt, user: 'alice' });
  const ciphertext = aesGcmSeal(requestKey(secret), nonce, aad, plaintext);
  return create(SealedPayloadSchema, { version: 1, keyId: 'k1', issuedAt, nonce, ciphertext });
}

const exchange = (bytes: number) => {
  const sealed = seal(randomBytes(bytes));
  const answer = randomBytes(bytes);
  return () => {
    const opened = openRequest(ring, sealed, method, 'alice');
    if (opened === undefined) throw new Error('it does not open');
    opened.reply.seal(answer, issuedAt, true);
  };
};

/** A stream's next chunk, of 100 bytes. */
function chunk(): () => void {
  const opened = openRequest(ring, seal(randomBytes(100)), method, 'alice');
  const text = randomBytes(100);
  return () => void opened?.reply.seal(text, issuedAt, false);
}

const words = (bytes: number) => 'word '.repeat(bytes / 5);
const request = create(ChatCompletionRequestSchema, { model: 'm', messages: [{ role: 2, content: words(1_000) }] });
const sealedRequest = create(ChatCompletionRequestSchema, {
  sealed: seal(toBinary(ChatCompletionRequestSchema, request)),
});
const answer = create(ChatCompletionResponseSchema, { choices: [{ message: { role: 3, content: words(1_000) } }] });
const serve: Method<unknown, unknown> = async (_call, _request, reply) => {
  reply.message(answer);
};
const seals = createSeals({
  ring: () => ring,
  windowMs: 300_000,
  clock: systemClock,
  worn() {},
  mostMessages: 2 ** 31,
});
const guarded = createUnseal({ mode: 'optional', seals })(serve);
const reply = { message: () => true, onDrain() {} };

function callOf(): Call {
  const call = new Call({
    id: 'id',
    method,
    protocol: 'grpc',
    headers: {},
    address: '127.0.0.1',
    trace: { traceId: '', spanId: '', parentId: '', flags: '00', state: '' },
    startedAt: systemClock.now(),
  });
  call.principal = { user: 'alice', method: 'api-key', credential: 'laptop' };
  return call;
}

const kinds: Readonly<Record<string, () => void | Promise<void>>> = {
  'open 1 KiB, seal 1 KiB': exchange(1024),
  'open 2 KiB, seal 2 KiB': exchange(2048),
  'seal a chunk of 100 bytes': chunk(),
  'a sealed call of 1 KB and 1 KB, protobuf included': () => guarded(callOf(), sealedRequest, reply),
  'a call in the clear, with the interceptor': () => guarded(callOf(), request, reply),
  'a call in the clear, without it': () => serve(callOf(), request, reply),
};

const times = new Map<string, number[]>(Object.keys(kinds).map((name) => [name, []]));
for (let round = -WARM_UP; round < ROUNDS; round++) {
  for (const [name, run] of Object.entries(kinds)) {
    const before = process.cpuUsage();
    for (let i = 0; i < CALLS; i++) await run();
    const { user, system } = process.cpuUsage(before);
    if (round >= 0) times.get(name)?.push((user + system) / CALLS);
  }
}
for (const [name, all] of times) {
  all.sort((one, other) => one - other);
  const at = (share: number): string => (all[Math.floor((all.length - 1) * share)] ?? 0).toFixed(2).padStart(7);
  console.log(`${at(0.5)} µs (quartiles ${at(0.25)} ${at(0.75)})  ${name}`);
}
