import { gzipSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import { ChatCompletionRequestSchema } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { Random } from '../support/random.ts';

/** A body that is not right, with the headers that go with it. */
export interface BadBody {
  readonly kind: string;
  readonly bytes: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What the gateway under test takes at most. */
export const MAX_REQUEST_BYTES = 65_536;

const request = {
  model: 'sim',
  messages: [{ role: 'user', content: 'Hello, 你好' }],
  temperature: 0.5,
  max_tokens: 5,
  tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }],
};

const text = (kind: string, body: string, headers?: Readonly<Record<string, string>>): BadBody => ({
  kind,
  bytes: Buffer.from(body),
  ...(headers && { headers }),
});

const wrong: readonly Readonly<Record<string, unknown>>[] = [
  { messages: 'Hello' },
  { messages: [] },
  { messages: [17] },
  { messages: [{ role: 'nobody', content: 'x' }] },
  { messages: [{ role: 'user', content: { text: 'x' } }] },
  { messages: [{ role: 'user', content: [{ type: 'text', text: 5 }] }] },
  { model: 5 },
  { model: null },
  { temperature: 'warm' },
  { max_tokens: -1 },
  { max_tokens: 1.5 },
  { max_tokens: 2 ** 40 },
  { n: 'two' },
  { stop: { a: 1 } },
  { tools: 3 },
  { tools: [{ type: 'function', function: 'f' }] },
  { stream: 'yes' },
  { logit_bias: [1] },
  { response_format: 'json' },
];

/** JSON bodies of the OpenAI-shaped surface. */
const jsonKinds: readonly ((random: Random) => BadBody)[] = [
  (random) => {
    const whole = JSON.stringify(request);
    return text('truncated JSON', whole.slice(0, random.integer(0, whole.length - 1)));
  },
  (random) => text('wrong type', JSON.stringify({ ...request, ...random.pick(wrong) })),
  (random) => text('not an object', random.pick(['[]', '"model"', '12', 'null', 'true', '{]', "{'a':1}", '{"a":1,}'])),
  (random) => {
    const bytes = Buffer.from(JSON.stringify(request));
    bytes[bytes.indexOf('Hello') + random.integer(0, 4)] = random.pick([0xff, 0xc0, 0x80, 0xfe]);
    return { kind: 'bad UTF-8', bytes };
  },
  (random) => {
    const depth = random.integer(200, 20_000);
    const nested = random.pick(['[', '{"a":']);
    return text('deep nesting', `{"model":"sim","messages":[],"metadata":${nested.repeat(depth)}`);
  },
  (random) => {
    const depth = random.integer(100, 5_000);
    return text('deep nesting, closed', `{"model":"sim","x":${'['.repeat(depth)}${']'.repeat(depth)},"messages":[]}`);
  },
  (random) => {
    const bytes = Buffer.alloc(MAX_REQUEST_BYTES + random.integer(1, 100_000), 0x20);
    return { kind: 'oversized', bytes };
  },
  (random) => ({
    kind: 'bad gzip',
    bytes: random.bytes(random.integer(1, 300)),
    headers: { 'content-encoding': 'gzip' },
  }),
  (random) => {
    const packed = gzipSync(JSON.stringify(request));
    return {
      kind: 'truncated gzip',
      bytes: packed.subarray(0, random.integer(1, packed.length - 9)),
      headers: { 'content-encoding': 'gzip' },
    };
  },
  () => ({ kind: 'gzip bomb', bytes: bomb, headers: { 'content-encoding': 'gzip' } }),
  (random) => text('unknown encoding', JSON.stringify(request), { 'content-encoding': random.pick(['lzma', 'x']) }),
  (random) => text('wrong media type', JSON.stringify(request), { 'content-type': random.pick(['text/plain', 'a/b']) }),
];

const bomb = gzipSync(Buffer.alloc(20 << 20, 0x20));

const message = toBinary(
  ChatCompletionRequestSchema,
  create(ChatCompletionRequestSchema, { model: 'sim', messages: [{ role: 3, content: 'Hello, 你好' }] }),
);

/** Five bytes of envelope before a message: flags, then its length. */
function envelope(flags: number, length: number, bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, bytes]);
}

/** Bodies of gRPC and gRPC-web: envelopes of protobuf. `encoding` is the header that names the compression. */
const envelopeKinds = (encoding: string): readonly ((random: Random) => BadBody)[] => [
  (random) => ({
    kind: 'truncated frame',
    bytes: envelope(0, message.length, message).subarray(0, random.integer(1, message.length + 4)),
  }),
  (random) => {
    // A length-delimited field that reaches beyond the end.
    const bytes = Buffer.concat([message, Buffer.from([0x0a, random.integer(20, 120), 1, 2])]);
    return { kind: 'broken protobuf', bytes: envelope(0, bytes.length, bytes) };
  },
  (random) => {
    const depth = random.integer(200, 10_000);
    const groups = Buffer.alloc(depth * 2, Buffer.from([0xfb, 0x3e]));
    return { kind: 'nested groups', bytes: envelope(0, groups.length, groups) };
  },
  (random) => {
    const bytes = Buffer.from(message);
    bytes[bytes.indexOf('Hello') + random.integer(0, 4)] = random.pick([0xff, 0xc0, 0xfe]);
    return { kind: 'bad UTF-8', bytes: envelope(0, bytes.length, bytes) };
  },
  (random) => ({
    kind: 'oversized',
    bytes: envelope(0, random.pick([MAX_REQUEST_BYTES + 1, 0x7fffffff, 0xffffffff]), message),
  }),
  () => ({ kind: 'compressed without encoding', bytes: envelope(1, message.length, message) }),
  (random) => {
    const bytes = random.bytes(random.integer(1, 200));
    return { kind: 'bad gzip', bytes: envelope(1, bytes.length, bytes), headers: { [encoding]: 'gzip' } };
  },
  () => ({ kind: 'gzip bomb', bytes: envelope(1, bomb.length, bomb), headers: { [encoding]: 'gzip' } }),
  () => ({
    kind: 'unknown encoding',
    bytes: envelope(1, message.length, message),
    headers: { [encoding]: 'lzma' },
  }),
  () => ({ kind: 'no message', bytes: Buffer.alloc(0) }),
];

const grpcKinds = envelopeKinds('grpc-encoding');
const connectStreamKinds = envelopeKinds('connect-content-encoding');

const pickOf = (kinds: readonly ((random: Random) => BadBody)[]) => (random: Random) => random.pick(kinds)(random);

export const badJson = pickOf(jsonKinds);
export const badGrpc = pickOf(grpcKinds);
export const badConnectStream = pickOf(connectStreamKinds);
