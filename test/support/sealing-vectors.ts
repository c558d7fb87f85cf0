import { hash } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  ChatCompletionRequestSchema,
  ChatCompletionResponseSchema,
  StreamChatCompletionResponseSchema,
} from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../../gen/es/llmbridge/v1/content_pb.ts';
import { SealedPayloadSchema } from '../../gen/es/llmbridge/v1/sealed_pb.ts';
import { aesGcmSeal } from '../../src/crypto/aes-gcm.ts';
import { replyAad, replyNonce, requestAad } from '../../src/crypto/format.ts';
import { replyKey, requestKey } from '../../src/crypto/keys.ts';
import { type Form, type Padding, pad } from '../../src/crypto/padding.ts';
import { sealedJson } from '../../src/transports/http/openai/response.ts';

// The test vectors of docs/sealing.md: `node test/support/sealing-vectors.ts > docs/sealing-vectors.json`.

/** Bytes that look random and are the same each time. */
const bytes = (label: string, length: number) => hash('sha256', label, 'buffer').subarray(0, length);
const hex = (data: Uint8Array) => Buffer.from(data).toString('hex');

const unary = '/llmbridge.v1.ChatService/ChatCompletion';
const stream = '/llmbridge.v1.ChatService/StreamChatCompletion';
const surface = '/v1/chat/completions';
const issuedAt = 1_800_000_000;

interface Given {
  readonly name: string;
  readonly method: string;
  readonly user: string;
  readonly keyId: string;
  readonly plaintext: Uint8Array;
}

const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const binary = toBinary(
  ChatCompletionRequestSchema,
  create(ChatCompletionRequestSchema, { model: 'fast', messages: [{ role: Role.USER, content: 'Hi' }] }),
);
/** A request of so many bytes, 3 to 129. */
function binaryOf(length: number): Uint8Array {
  const model = 'm'.repeat(length - 2);
  return toBinary(ChatCompletionRequestSchema, create(ChatCompletionRequestSchema, { model }));
}
const chatJson = json({ model: 'fast', messages: [{ role: 'user', content: 'Hi' }] });
const answer = toBinary(
  ChatCompletionResponseSchema,
  create(ChatCompletionResponseSchema, { choices: [{ message: { role: Role.ASSISTANT, content: 'Hello' } }] }),
);

const requests: readonly Given[] = [
  { name: 'binary, anonymous', method: unary, user: '', keyId: 'k1', plaintext: binary },
  { name: 'binary, of a user', method: stream, user: 'alice', keyId: 'k1', plaintext: binary },
  {
    name: 'JSON, with letters beyond ASCII',
    method: surface,
    user: 'Zoë',
    keyId: 'schlüssel-2',
    plaintext: json({ model: 'fast', stream: true, messages: [{ role: 'user', content: '你好' }] }),
  },
  { name: 'empty', method: unary, user: '', keyId: 'k1', plaintext: Buffer.alloc(0) },
  { name: 'binary, padded', method: unary, user: '', keyId: 'k1', plaintext: pad(binary, 'binary', 'pow2') },
  { name: 'JSON, padded', method: surface, user: 'alice', keyId: 'k1', plaintext: pad(chatJson, 'json', 'pow2') },
];

/** Messages, and what they are filled up to. */
const paddings = [
  ...[10, 29, 60, 61, 62, 63, 64].map((length) => padded('binary', 'pow2', binaryOf(length))),
  ...[29, 128].map((length) => padded('binary', 160, binaryOf(length))),
  ...[chatJson, Buffer.from('{}')].flatMap((text) => [padded('json', 'pow2', text), padded('json', 100, text)]),
];

function padded(form: Form, padding: Padding, plaintext: Uint8Array) {
  const filled = pad(plaintext, form, padding);
  return { form, padding, plaintext: hex(plaintext), padded: hex(filled) };
}

const replies: readonly (Given & { readonly messages: readonly Uint8Array[] })[] = [
  {
    ...(requests[0] as Given),
    name: 'whole',
    messages: [answer],
  },
  {
    ...(requests[2] as Given),
    name: 'streamed, with the mark in a last message of its own',
    messages: [
      json({ choices: [{ delta: { content: '你' } }] }),
      json({ choices: [{ delta: { content: '好' } }] }),
      Buffer.alloc(0),
    ],
  },
  {
    ...(requests[1] as Given),
    name: 'streamed, and empty but for its mark',
    messages: [Buffer.alloc(0)],
  },
  {
    ...(requests[2] as Given),
    name: 'streamed, and ended by an error',
    messages: [
      json({ choices: [{ delta: { content: '你' } }] }),
      json({ error: { message: 'no', type: 'api_error', param: null, code: 'provider_stream_cut' } }),
    ],
  },
  { ...(requests[4] as Given), name: 'whole, padded', messages: [pad(answer, 'binary', 'pow2')] },
];

/** The message that a sealed one stands in: hex of its binary form, or its JSON text. */
function sent(method: string, direction: 'request' | 'reply', sealed: SealedRequest & Partial<SealedReply>) {
  const fields = {
    version: sealed.version,
    keyId: sealed.key_id,
    issuedAt: sealed.issued_at,
    nonce: Buffer.from(sealed.nonce, 'hex'),
    ciphertext: Buffer.from(sealed.ciphertext, 'hex'),
    salt: Buffer.from(sealed.salt ?? '', 'hex'),
    sequence: sealed.sequence ?? 0,
    last: sealed.last ?? false,
  };
  if (method === surface) return `{"sealed":${sealedJson(create(SealedPayloadSchema, fields))}}`;
  if (direction === 'request')
    return hex(toBinary(ChatCompletionRequestSchema, create(ChatCompletionRequestSchema, { sealed: fields })));
  const schema = method === stream ? StreamChatCompletionResponseSchema : ChatCompletionResponseSchema;
  return hex(toBinary(schema, create(schema, { sealed: fields })));
}

function request({ name, method, user, keyId, plaintext }: Given) {
  const secret = bytes(`secret ${keyId}`, 32);
  const nonce = bytes(`nonce ${name}`, 12);
  const key = requestKey(secret);
  const aad = requestAad({ method, keyId, issuedAt, user });
  const sealed = {
    version: 1,
    key_id: keyId,
    issued_at: issuedAt,
    nonce: hex(nonce),
    ciphertext: hex(aesGcmSeal(key, nonce, aad, plaintext)),
  };
  return {
    name,
    secret: hex(secret),
    method,
    user,
    request_key: hex(key),
    aad: hex(aad),
    plaintext: hex(plaintext),
    sealed,
    sent: sent(method, 'request', sealed),
  };
}

type RequestVector = ReturnType<typeof request>;
/** As in a vector: bytes in hex. */
interface SealedRequest {
  readonly version: number;
  readonly key_id: string;
  readonly issued_at: number;
  readonly nonce: string;
  readonly ciphertext: string;
}
interface SealedReply extends SealedRequest {
  readonly salt: string;
  readonly sequence: number;
  readonly last: boolean;
}

function reply({ name, method, user, keyId, messages }: (typeof replies)[number]) {
  const secret = bytes(`secret ${keyId}`, 32);
  const requestNonce = bytes(`nonce of the request: ${name}`, 12);
  const salt = bytes(`salt ${name}`, 16);
  const key = replyKey(secret, requestNonce, salt);
  return {
    name,
    secret: hex(secret),
    key_id: keyId,
    method,
    user,
    request_nonce: hex(requestNonce),
    reply_key: hex(key),
    messages: messages.map((plaintext, sequence) => {
      const last = sequence === messages.length - 1;
      const at = issuedAt + sequence;
      const aad = replyAad({ method, keyId, issuedAt: at, user }, { sequence, last });
      const nonce = replyNonce(sequence);
      const sealed = {
        version: 1,
        key_id: keyId,
        issued_at: at,
        nonce: hex(nonce),
        ciphertext: hex(aesGcmSeal(key, nonce, aad, plaintext)),
        salt: sequence === 0 ? hex(salt) : '',
        sequence,
        last,
      };
      return { aad: hex(aad), plaintext: hex(plaintext), sealed, sent: sent(method, 'reply', sealed) };
    }),
  };
}

type ReplyVector = ReturnType<typeof reply>;

const flip = (text: string, digit: number) => {
  const at = digit < 0 ? text.length + digit : digit;
  return text.slice(0, at) + (Number.parseInt(text.charAt(at), 16) ^ 1).toString(16) + text.slice(at + 1);
};

function invalidRequests(good: RequestVector, another: RequestVector) {
  const { secret, method, user, sealed } = good;
  const bad = (
    name: string,
    change: Partial<SealedReply>,
    more: Partial<Pick<RequestVector, 'method' | 'user' | 'secret'>> = {},
  ) => ({ name, secret, method, user, ...more, sealed: { ...sealed, ...change } });
  /** Sealed with other additional data, or another key, than it should be. */
  const sealedWith = (change: (aad: Buffer) => Uint8Array, key = good.request_key) => {
    const aad = change(Buffer.from(good.aad, 'hex'));
    const plaintext = Buffer.from(good.plaintext, 'hex');
    return { ciphertext: hex(aesGcmSeal(Buffer.from(key, 'hex'), Buffer.from(sealed.nonce, 'hex'), aad, plaintext)) };
  };
  const at = (position: number, byte: number) => (aad: Buffer) => {
    aad[position] = byte;
    return aad;
  };
  const timeAt = 2 + 2 + method.length + 2 + sealed.key_id.length;
  return [
    bad('another version', { version: 2 }),
    bad('version 0', { version: 0 }),
    bad('another version, in its additional data too', { version: 2, ...sealedWith(at(0, 2)) }),
    bad('the direction of a reply in its additional data', sealedWith(at(1, 2))),
    bad(
      'no additional data',
      sealedWith(() => Buffer.alloc(0)),
    ),
    bad(
      'additional data without the user',
      sealedWith((aad) => aad.subarray(0, -2 - user.length)),
    ),
    bad(
      'the time in little-endian order in its additional data',
      sealedWith((aad) => {
        aad.subarray(timeAt, timeAt + 4).reverse();
        return aad;
      }),
    ),
    bad(
      'the secret itself as its key',
      sealedWith((aad) => aad, secret),
    ),
    bad('another key id', { key_id: 'k2' }),
    bad('the key id in capitals', { key_id: 'K1' }),
    bad('no key id', { key_id: '' }),
    bad('a later time', { issued_at: sealed.issued_at + 1 }),
    bad('an earlier time', { issued_at: sealed.issued_at - 1 }),
    bad('no nonce', { nonce: '' }),
    bad('a tag of 12 bytes', { ciphertext: sealed.ciphertext.slice(0, -8) }),
    bad('a byte behind its tag', { ciphertext: `${sealed.ciphertext}00` }),
    bad('the salt of a reply', { salt: '00'.repeat(16) }),
    bad('a sequence', { sequence: 1 }),
    bad('the mark of a last message', { last: true }),
    bad('a changed nonce', { nonce: flip(sealed.nonce, -1) }),
    bad('a nonce of 11 bytes', { nonce: sealed.nonce.slice(2) }),
    bad('a nonce of 16 bytes', { nonce: `${sealed.nonce}00000000` }),
    bad('a changed ciphertext', { ciphertext: flip(sealed.ciphertext, 0) }),
    bad('a changed tag', { ciphertext: flip(sealed.ciphertext, -1) }),
    bad('a tag of 15 bytes', { ciphertext: sealed.ciphertext.slice(0, -2) }),
    bad('nothing but 15 bytes', { ciphertext: sealed.ciphertext.slice(0, 30) }),
    bad('no ciphertext', { ciphertext: '' }),
    bad('another user', {}, { user: 'bob' }),
    bad('another user, whose name begins alike', {}, { user: 'alice2' }),
    bad('nobody', {}, { user: '' }),
    bad('another method', {}, { method: unary }),
    bad('another secret', {}, { secret: another.secret }),
  ];
}

function invalidReplies(good: ReplyVector, again: ReplyVector) {
  const [one, two, three] = good.messages.map(({ sealed }) => sealed);
  if (one === undefined || two === undefined || three === undefined) throw new Error('three messages are needed');
  const { secret, key_id, method, user, request_nonce } = good;
  const bad = (name: string, ...messages: SealedReply[]) => ({
    name,
    secret,
    key_id,
    method,
    user,
    request_nonce,
    messages,
  });
  const [anotherOne] = again.messages.map(({ sealed }) => sealed);
  if (anotherOne === undefined) throw new Error('another reply is needed');
  /** The first message, sealed anew with a nonce or additional data that it should not have. */
  const resealed = (name: string, { nonce = one.nonce, aad = (bytes: Buffer) => bytes }) => {
    const [key, plaintext, additional] = [good.reply_key, good.messages[0]?.plaintext, good.messages[0]?.aad].map(
      (text = '') => Buffer.from(text, 'hex'),
    ) as [Buffer, Buffer, Buffer];
    const ciphertext = hex(aesGcmSeal(key, Buffer.from(nonce, 'hex'), aad(additional), plaintext));
    return bad(name, { ...one, nonce, ciphertext }, two, three);
  };
  /** An empty message, sealed as the gateway could, but for its nonce. */
  const genuine = (sequence: number, nonceOf: number): SealedReply => {
    const issued_at = one.issued_at;
    const aad = replyAad({ method, keyId: key_id, issuedAt: issued_at, user }, { sequence, last: true });
    const nonce = replyNonce(nonceOf);
    const ciphertext = hex(aesGcmSeal(Buffer.from(good.reply_key, 'hex'), nonce, aad, Buffer.alloc(0)));
    const salt = nonceOf === 0 ? one.salt : '';
    return { version: 1, key_id, issued_at, nonce: hex(nonce), ciphertext, salt, sequence, last: true };
  };
  return [
    bad('nothing at all'),
    bad('with a message after the last, though it verifies', one, two, three, genuine(3, 3)),
    bad('with a sequence that is not its place, though it verifies', genuine(1, 0)),
    bad('beginning at 1, though it verifies', { ...genuine(1, 1), salt: one.salt }),
    bad('of another version', { ...one, version: 2 }, two, three),
    bad('of another key id', { ...one, key_id: 'k1' }, two, three),
    bad('with a key id left out of a message', one, { ...two, key_id: '' }, three),
    resealed('with a nonce that is not counted, though it verifies', { nonce: 'ff'.repeat(12) }),
    resealed('with the direction of a request in its additional data', {
      aad: (bytes) => {
        bytes[1] = 1;
        return bytes;
      },
    }),
    resealed('with additional data without its place', { aad: (bytes) => bytes.subarray(0, -5) }),
    bad('with a nonce of 11 bytes', { ...one, nonce: one.nonce.slice(2) }, two, three),
    bad('with no nonce', { ...one, nonce: '' }, two, three),
    bad('without a salt', { ...one, salt: '' }, two, three),
    bad('with a salt of 15 bytes', { ...one, salt: one.salt.slice(2) }, two, three),
    bad('with a salt in its second message too', one, { ...two, salt: one.salt }, three),
    bad('with a changed ciphertext', one, { ...two, ciphertext: flip(two.ciphertext, 0) }, three),
    bad('with a changed tag', one, two, { ...three, ciphertext: flip(three.ciphertext, -1) }),
    bad('with a tag of 15 bytes', one, two, { ...three, ciphertext: three.ciphertext.slice(0, -2) }),
    bad('with a message without ciphertext', one, { ...two, ciphertext: '' }, three),
    bad('with the first message of another reply', anotherOne, two, three),
    { ...bad('to another method', one, two, three), method: unary },
    { ...bad('to nobody', one, two, three), user: '' },
    bad('cut before its last message', one, two),
    bad('without its first message', two, three),
    bad('with a message left out', one, three),
    bad('with a message left out, and the rest renumbered', one, { ...three, sequence: 1, nonce: two.nonce }),
    bad('with two messages in each other’s place', one, three, two),
    bad('with a message twice', one, one, two, three),
    bad('with a message after the last', one, two, three, { ...three, sequence: 3 }),
    bad('ended early by someone else', { ...one, last: true }),
    bad('without its mark', one, two, { ...three, last: false }),
    bad('with another salt', { ...one, salt: flip(one.salt, 0) }, two, three),
    bad('with another time', { ...one, issued_at: one.issued_at + 1 }, two, three),
    { ...bad('to another request', one, two, three), request_nonce: flip(request_nonce, 0) },
    { ...bad('to another user', one, two, three), user: 'bob' },
  ];
}

/** JSON texts of one sealed request: as whom they are read, and what is none. */
function jsonForms(sealed: SealedRequest) {
  const base64url = (field: string) => Buffer.from(field, 'hex').toString('base64url');
  const form = {
    version: sealed.version,
    key_id: sealed.key_id,
    issued_at: sealed.issued_at,
    nonce: base64url(sealed.nonce),
    ciphertext: base64url(sealed.ciphertext),
  };
  const base64 = (field: string) => Buffer.from(field, 'hex').toString('base64');
  const text = (change: object) => JSON.stringify({ sealed: { ...form, ...change } });
  const valid = (name: string, change: object) => ({ name, json: text(change), sealed });
  const invalid = (name: string, change: object) => ({ name, json: text(change) });
  return {
    json_forms: [
      valid('base64url without padding', {}),
      valid('base64url with padding', {
        ciphertext: base64(sealed.ciphertext).replaceAll('+', '-').replaceAll('/', '_'),
      }),
      valid('plain base64 with padding', { ciphertext: base64(sealed.ciphertext), nonce: base64(sealed.nonce) }),
      valid('empty fields told', { salt: '', sequence: 0, last: false }),
    ],
    invalid_json_forms: [
      invalid('a letter that base64 has not', { nonce: `*${form.nonce.slice(1)}` }),
      invalid('a space in base64', { nonce: `${form.nonce.slice(0, 8)} ${form.nonce.slice(8)}` }),
      invalid('hex', { ciphertext: `${sealed.ciphertext}0` }),
      invalid('bytes as a list', { nonce: [...Buffer.from(sealed.nonce, 'hex')] }),
      invalid('a number as text', { issued_at: String(sealed.issued_at) }),
      invalid('a fraction', { issued_at: sealed.issued_at + 0.5 }),
      invalid('a number below 0', { version: -1 }),
      invalid('a number beyond 32 bits', { issued_at: 2 ** 32 }),
      invalid('a mark that is a number', { last: 0 }),
      invalid('a field that is not known', { keyId: sealed.key_id }),
      { name: 'a list', json: '{"sealed":[]}' },
      { name: 'a text', json: JSON.stringify({ sealed: text({}) }) },
    ],
  };
}

/** All vectors; bytes are in hex. */
export function sealingVectors() {
  const goodRequests = requests.map(request);
  const goodReplies = replies.map(reply);
  const [, ofAlice, other] = goodRequests;
  const [, streamed, , another] = goodReplies;
  if (ofAlice === undefined || other === undefined || !streamed || !another) throw new Error('too few vectors');
  return {
    description: 'Test vectors of docs/sealing.md; all bytes are in hex, but for those within JSON texts.',
    requests: goodRequests,
    replies: goodReplies,
    padding: paddings,
    invalid_requests: invalidRequests(ofAlice, other),
    invalid_replies: invalidReplies(streamed, another),
    ...jsonForms(ofAlice.sealed),
  };
}

if (import.meta.main) process.stdout.write(`${JSON.stringify(sealingVectors(), null, 2)}\n`);
