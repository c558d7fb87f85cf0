import { create, fromJson, toBinary, toJsonString } from '@bufbuild/protobuf';
import { StructSchema } from '@bufbuild/protobuf/wkt';
import { ChatCompletionRequestSchema } from '../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../gen/es/llmbridge/v1/content_pb.ts';

export const MODEL = 'gpt-4o-mini';

const system = 'You answer briefly and to the point.';
const question = 'What does a gateway in front of several model providers do for a team that runs one? '.repeat(4);

const chat = {
  model: MODEL,
  messages: [
    { role: 'system', content: system },
    { role: 'user', content: question },
  ],
  temperature: 0.7,
  max_tokens: 200,
};

/** The request as OpenAI's JSON, about half a kilobyte. */
export const jsonRequest = JSON.stringify(chat);
export const streamRequest = JSON.stringify({ ...chat, stream: true });

/** The same with a prompt of so many bytes. */
export const requestOfSize = (bytes: number): string =>
  JSON.stringify({
    ...chat,
    messages: [{ role: 'user', content: question.repeat(Math.ceil(bytes / question.length)).slice(0, bytes) }],
  });

const message = create(ChatCompletionRequestSchema, {
  model: MODEL,
  messages: [
    { role: Role.SYSTEM, content: system },
    { role: Role.USER, content: question },
  ],
  temperature: 0.7,
  maxTokens: 200,
});

/** The same request as a gRPC message; the method that streams takes the same. */
export const grpcMessage = (): Uint8Array => toBinary(ChatCompletionRequestSchema, message);

/** The same as protobuf's JSON, as Connect takes it. */
export const protoJson = (): string => toJsonString(ChatCompletionRequestSchema, message);

/** The same as a google.protobuf.Struct, for a server without types of its own. */
export const structMessage = (stream: boolean): Uint8Array =>
  toBinary(StructSchema, fromJson(StructSchema, stream ? { ...chat, stream } : chat));

/** A message with its length before it, as gRPC sends it. */
export function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

const answer =
  'It gives the services one contract, spreads their calls over the providers, and keeps the keys in one place. ';
const head = { id: 'chatcmpl-bench', created: 1_780_000_000, model: MODEL, system_fingerprint: 'fp_bench' };
const usage = {
  prompt_tokens: 80,
  completion_tokens: 40,
  total_tokens: 120,
  prompt_tokens_details: { cached_tokens: 0 },
};

/** The upstream's whole answer, about a kilobyte. */
export const jsonAnswer = JSON.stringify({
  ...head,
  object: 'chat.completion',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: answer.repeat(4), refusal: null },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage,
});

/** Text chunks of a stream. */
export const STREAM_CHUNKS = 40;

const event = (delta: object, finish: string | null): string =>
  `data: ${JSON.stringify({
    ...head,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
  })}\n\n`;

/** The upstream's events of a stream, in order. */
export const streamEvents: readonly string[] = [
  event({ role: 'assistant', content: '', refusal: null }, null),
  ...Array.from({ length: STREAM_CHUNKS }, (_, i) => event({ content: ` word${i}` }, null)),
  event({}, 'stop'),
  `data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', choices: [], usage })}\n\n`,
  'data: [DONE]\n\n',
];
