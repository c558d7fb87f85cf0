import { hash } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  ChatCompletionRequestSchema,
  ChatCompletionResponseSchema,
} from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../../gen/es/llmbridge/v1/content_pb.ts';
import { aesGcmSeal } from '../../src/crypto/aes-gcm.ts';
import { replyAad, replyNonce, requestAad } from '../../src/crypto/format.ts';
import { replyKey, requestKey } from '../../src/crypto/keys.ts';
import { type Form, type Padding, pad } from '../../src/crypto/padding.ts';

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
];

function request({ name, method, user, keyId, plaintext }: Given) {
  const secret = bytes(`secret ${keyId}`, 32);
  const nonce = bytes(`nonce ${name}`, 12);
  const key = requestKey(secret);
  const aad = requestAad({ method, keyId, issuedAt, user });
  return {
    name,
    secret: hex(secret),
    method,
    user,
    request_key: hex(key),
    aad: hex(aad),
    plaintext: hex(plaintext),
    sealed: {
      version: 1,
      key_id: keyId,
      issued_at: issuedAt,
      nonce: hex(nonce),
      ciphertext: hex(aesGcmSeal(key, nonce, aad, plaintext)),
    },
  };
}

type RequestVector = ReturnType<typeof request>;
type SealedRequest = RequestVector['sealed'];

function reply({ name, method, user, keyId, messages }: (typeof replies)[number]) {
  const secret = bytes(`secret ${keyId}`, 32);
  const requestNonce = bytes(`nonce of the request: ${name}`, 12);
  const salt = bytes(`salt ${name}`, 16);
  const key = replyKey(secret, requestNonce, salt);
  return {
    name,
    secret: hex(secret),
    method,
    user,
    request_nonce: hex(requestNonce),
    reply_key: hex(key),
    messages: messages.map((plaintext, sequence) => {
      const last = sequence === messages.length - 1;
      const at = issuedAt + sequence;
      const aad = replyAad({ method, keyId, issuedAt: at, user }, { sequence, last });
      const nonce = replyNonce(sequence);
      return {
        aad: hex(aad),
        plaintext: hex(plaintext),
        sealed: {
          version: 1,
          key_id: keyId,
          issued_at: at,
          nonce: hex(nonce),
          ciphertext: hex(aesGcmSeal(key, nonce, aad, plaintext)),
          salt: sequence === 0 ? hex(salt) : '',
          sequence,
          last,
        },
      };
    }),
  };
}

type ReplyVector = ReturnType<typeof reply>;
type SealedReply = ReplyVector['messages'][number]['sealed'];

const flip = (text: string, digit: number) => {
  const at = digit < 0 ? text.length + digit : digit;
  return text.slice(0, at) + (Number.parseInt(text.charAt(at), 16) ^ 1).toString(16) + text.slice(at + 1);
};

function invalidRequests(good: RequestVector, another: RequestVector) {
  const { secret, method, user, sealed } = good;
  const bad = (
    name: string,
    change: Partial<SealedRequest>,
    more: Partial<Pick<RequestVector, 'method' | 'user' | 'secret'>> = {},
  ) => ({ name, secret, method, user, ...more, sealed: { ...sealed, ...change } });
  return [
    bad('another version', { version: 2 }),
    bad('another key id', { key_id: 'k2' }),
    bad('a later time', { issued_at: sealed.issued_at + 1 }),
    bad('a changed nonce', { nonce: flip(sealed.nonce, -1) }),
    bad('a nonce of 11 bytes', { nonce: sealed.nonce.slice(2) }),
    bad('a nonce of 16 bytes', { nonce: `${sealed.nonce}00000000` }),
    bad('a changed ciphertext', { ciphertext: flip(sealed.ciphertext, 0) }),
    bad('a changed tag', { ciphertext: flip(sealed.ciphertext, -1) }),
    bad('a tag of 15 bytes', { ciphertext: sealed.ciphertext.slice(0, -2) }),
    bad('nothing but 15 bytes', { ciphertext: sealed.ciphertext.slice(0, 30) }),
    bad('no ciphertext', { ciphertext: '' }),
    bad('another user', {}, { user: 'bob' }),
    bad('nobody', {}, { user: '' }),
    bad('another method', {}, { method: unary }),
    bad('another secret', {}, { secret: another.secret }),
  ];
}

function invalidReplies(good: ReplyVector) {
  const [one, two, three] = good.messages.map(({ sealed }) => sealed);
  if (one === undefined || two === undefined || three === undefined) throw new Error('three messages are needed');
  const { secret, method, user, request_nonce } = good;
  const bad = (name: string, ...messages: SealedReply[]) => ({ name, secret, method, user, request_nonce, messages });
  return [
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

/** All vectors; bytes are in hex. */
export function sealingVectors() {
  const goodRequests = requests.map(request);
  const goodReplies = replies.map(reply);
  const [, ofAlice, other] = goodRequests;
  const streamed = goodReplies[1];
  if (ofAlice === undefined || other === undefined || streamed === undefined) throw new Error('too few vectors');
  return {
    description: 'Test vectors of docs/sealing.md; all bytes are in hex.',
    requests: goodRequests,
    replies: goodReplies,
    padding: paddings,
    invalid_requests: invalidRequests(ofAlice, other),
    invalid_replies: invalidReplies(streamed),
  };
}

if (import.meta.main) process.stdout.write(`${JSON.stringify(sealingVectors(), null, 2)}\n`);
