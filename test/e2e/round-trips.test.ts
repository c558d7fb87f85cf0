import { readFileSync } from 'node:fs';
import { create } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type ChatCompletionRequest,
  ChatCompletionRequestSchema,
  ChatService,
} from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { MessageSchema, Role } from '../../gen/es/llmbridge/v1/content_pb.ts';
import { Collector } from '../../src/kernel/collect.ts';
import { accumulate } from '../support/accumulate.ts';
import { awsEvent } from '../support/event-stream.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { type RecordingProvider, recordingProvider } from '../support/recording-provider.ts';

// An answer with tools, reasoning and its proofs goes back as history through the gateway to the provider that gave it,
// which gets its own message again.

/** A provider's answer, whole and streamed, and where its message is there and in a request. */
interface Dialect {
  readonly name: string;
  /** The instance's configuration beside its address and key. */
  readonly members: Readonly<Record<string, string>>;
  readonly model: string;
  readonly whole: string;
  readonly stream: string | Buffer;
  /** The message in the answer. */
  said(answer: Json): unknown;
  /** The same in a request whose first message is the user's. */
  sent(request: Json, said: unknown): unknown;
}

// biome-ignore lint/suspicious/noExplicitAny: each dialect has its own shape, and the comparison checks it.
type Json = any;

/** JSON with its numbers as they are written: big ones keep their digits. */
const exact = (text: string): Json =>
  JSON.parse(text, (_key, value: unknown, { source }: { source?: string } = {}) =>
    typeof value === 'number' ? `number ${source}` : value,
  ) as Json;

const read = (path: string): string => readFileSync(new URL(`../contract/fixtures/${path}`, import.meta.url), 'utf8');

/** The lines of an event stream's fixture, an event's name and payload each. */
const awsStream = (lines: string): Buffer =>
  Buffer.concat(
    lines
      .trim()
      .split('\n')
      .map((line) => awsEvent(line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1))),
  );

const contentOfSecond = ({ messages }: Json): unknown => messages[1]?.content;
const secondMessage = ({ messages }: Json): unknown => messages[1];

type Reader = Pick<Dialect, 'said' | 'sent'>;
const messages: Reader = { said: ({ content }) => content, sent: contentOfSecond };
const converse: Reader = { said: ({ output }) => output.message.content, sent: contentOfSecond };
const generateContent: Reader = {
  said: ({ candidates }) => candidates[0].content,
  sent: ({ contents }) => contents[1],
};
const wholeMessage: Reader = { said: ({ message }) => message, sent: secondMessage };
const responses: Reader = {
  said: ({ output }) => output,
  sent: ({ input }, said) => input.slice(1, 1 + (said as unknown[]).length),
};
/** A refusal of null is none. */
const unrefused = ({ refusal, ...message }: Json): unknown => (refusal == null ? message : { refusal, ...message });
const chat: Reader = {
  said: ({ choices }) => unrefused(choices[0].message),
  sent: ({ messages }) => unrefused(messages[1]),
};

const fromFixtures = (
  folder: string,
  kinds: readonly string[],
  end: string,
  rest: Omit<Dialect, 'whole' | 'stream' | 'name'>,
): Dialect[] =>
  kinds.map((kind) => {
    const stream = read(`${folder}/${kind}.${end}`);
    const whole = read(`${folder}/${kind}.body`);
    return { ...rest, name: `${folder}, ${kind}`, whole, stream: end === 'events' ? awsStream(stream) : stream };
  });

const both = ['thinking-tools', 'server-tools'];

/** OpenAI's chat dialect as its relatives extend it: one message, and the pieces that it comes in. */
function chatAnswer(name: string, type: string, message: Json, pieces: readonly object[]): Dialect {
  const head = { id: 'chatcmpl-1', created: 1, model: 'm' };
  const finish = 'tool_calls';
  const events = [...pieces.map((delta) => [delta, null] as const), [{}, finish] as const].map(
    ([delta, finish_reason]) => ({
      ...head,
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta, finish_reason }],
    }),
  );
  return {
    name,
    members: { type },
    model: 'm',
    whole: JSON.stringify({
      ...head,
      object: 'chat.completion',
      choices: [{ index: 0, message, finish_reason: finish }],
    }),
    stream: `${events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')}data: [DONE]\n\n`,
    ...chat,
  };
}

const args = '{"10":{"b":1,"a":2},"2":9007199254740993,"city":"Prague"}';
const weather = { id: 'call_1', type: 'function', function: { name: 'get_weather', arguments: args } };
const clock = { id: 'call_2', type: 'function', function: { name: 'get_time', arguments: '{}' } };
const calls = [weather, clock];
const callPieces = [
  { tool_calls: [{ index: 0, ...weather, function: { name: 'get_weather', arguments: '' } }] },
  { tool_calls: [{ index: 0, function: { arguments: args.slice(0, 20) } }] },
  { tool_calls: [{ index: 0, function: { arguments: args.slice(20) } }] },
  { tool_calls: [{ index: 1, ...clock }] },
];
const details = [
  { type: 'reasoning.text', text: 'Two cities, so two calls.', signature: 'sig+/=', format: 'f-v1', index: 0 },
  { type: 'reasoning.encrypted', data: 'gAAA==', format: 'f-v1', index: 1 },
];

const dialects: readonly Dialect[] = [
  ...fromFixtures('anthropic', both, 'sse', {
    members: { type: 'anthropic' },
    model: 'claude-sonnet-4-5',
    ...messages,
  }),
  ...fromFixtures('bedrock', both, 'events', {
    members: { type: 'bedrock', region: 'us-east-1' },
    model: 'us.anthropic.claude-sonnet-4-5-20250929-v1:0',
    ...converse,
  }),
  ...fromFixtures('gemini', both, 'sse', { members: { type: 'gemini' }, model: 'gemini-2.5-pro', ...generateContent }),
  ...fromFixtures('cohere', ['plan-tools', 'thinking-citations'], 'sse', {
    members: { type: 'cohere' },
    model: 'command-a-03-2025',
    ...wholeMessage,
  }),
  ...fromFixtures('ollama', ['thinking-tools'], 'ndjson', {
    members: { type: 'ollama' },
    model: 'qwen3:8b',
    ...wholeMessage,
  }),
  ...fromFixtures('openai-responses', both, 'sse', {
    members: { type: 'openai', api: 'responses' },
    model: 'gpt-5.2',
    ...responses,
  }),
  chatAnswer('openai', 'openai', { role: 'assistant', content: 'Looking both up.', refusal: null, tool_calls: calls }, [
    { role: 'assistant', content: 'Looking ' },
    { content: 'both up.' },
    ...callPieces,
  ]),
  chatAnswer(
    'openrouter',
    'openrouter',
    { role: 'assistant', content: 'Looking both up.', reasoning_details: details, tool_calls: calls },
    [
      { role: 'assistant', content: '', reasoning_details: [{ ...details[0], text: 'Two cities, ', signature: null }] },
      { reasoning_details: [{ type: 'reasoning.text', text: 'so two calls.', index: 0 }] },
      { reasoning_details: [{ type: 'reasoning.text', text: '', signature: 'sig+/=', index: 0 }] },
      { reasoning_details: [details[1]] },
      { content: 'Looking both up.' },
      ...callPieces,
    ],
  ),
  chatAnswer(
    'deepseek',
    'deepseek',
    {
      role: 'assistant',
      content: 'Looking both up.',
      reasoning_content: 'Two cities, so two calls.',
      tool_calls: calls,
    },
    [
      { role: 'assistant', reasoning_content: 'Two cities, ' },
      { reasoning_content: 'so two calls.' },
      { content: 'Looking both up.' },
      ...callPieces,
    ],
  ),
];

/** A caller that asks, keeps the answer as it came, and asks again with it and the results of its tools. */
type Converse = (port: number, model: string, stream: boolean) => Promise<void>;

interface JsonMessage {
  readonly tool_calls?: readonly { readonly id: string }[];
}

/** A caller whose language has big integers: they travel as marked text. */
const parseBig = (text: string): unknown =>
  JSON.parse(text, (_key, value: unknown, { source }: { source?: string } = {}) =>
    typeof value === 'number' && !Number.isSafeInteger(value) ? `#big ${source}` : value,
  );
const writeBig = (value: unknown): string => JSON.stringify(value).replace(/"#big ([^"]*)"/g, '$1');

async function askJson(port: number, model: string, stream: boolean, said: readonly unknown[]): Promise<JsonMessage> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: writeBig({ model, stream, messages: [{ role: 'user', content: 'go on' }, ...said] }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  if (!stream) return (parseBig(text) as { choices: { message: JsonMessage }[] }).choices[0]?.message ?? {};
  const message: Record<string, unknown> = {};
  for (const [, event = ''] of text.matchAll(/^data: (\{.*)$/gm)) {
    const chunk = parseBig(event) as { choices?: { delta: Record<string, unknown> }[]; error?: unknown };
    if (chunk.error !== undefined) throw new Error(event);
    for (const { delta } of chunk.choices ?? []) accumulate(message, delta);
  }
  // The SDKs take away what only streams need.
  for (const call of (message['tool_calls'] ?? []) as { index?: number }[]) delete call.index;
  return message as JsonMessage;
}

const json: Converse = async (port, model, stream) => {
  const answer = await askJson(port, model, stream, []);
  const results = (answer.tool_calls ?? []).map(({ id }) => ({ role: 'tool', tool_call_id: id, content: 'sunny' }));
  await askJson(port, model, stream, [answer, ...results, { role: 'user', content: 'and now?' }]);
};

const grpc: Converse = async (port, model, stream) => {
  const client = createClient(ChatService, createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}` }));
  const user = (content: string) => create(MessageSchema, { role: Role.USER, content });
  const ask = async (request: ChatCompletionRequest) => {
    if (!stream) return client.chatCompletion(request);
    const collector = new Collector();
    for await (const chunk of client.streamChatCompletion(request)) collector.add(chunk);
    return collector.response();
  };
  const request = create(ChatCompletionRequestSchema, { model, messages: [user('go on')] });
  const answer = (await ask(request)).choices[0]?.message;
  if (answer === undefined) throw new Error('an answer without a message');
  const results = answer.toolCalls.map(({ id }) =>
    create(MessageSchema, { role: Role.TOOL, toolCallId: id, content: 'sunny' }),
  );
  request.messages.push(answer, ...results, user('and now?'));
  await ask(request);
};

describe.each(dialects)('$name', ({ members, model, whole, stream, said, sent }) => {
  let provider: RecordingProvider;
  let gateway: TestGateway;

  beforeAll(async () => {
    provider = await recordingProvider({
      answer: ({ path, body }) => (/[sS]tream/.test(path) || /"stream":\s*true/.test(body) ? stream : whole),
    });
    const instance = { ...members, base_url: provider.baseUrl, api_keys: ['k'] };
    gateway = await startGateway(`providers: { own: ${JSON.stringify(instance)} }`);
  });
  afterAll(async () => {
    await gateway.stop();
    await provider.close();
  });

  test.each<[string, Converse, boolean]>([
    ['gRPC, whole', grpc, false],
    ['gRPC, streamed', grpc, true],
    ['JSON, whole', json, false],
    ['JSON, streamed', json, true],
  ])('%s', async (_name, converse, streamed) => {
    const before = provider.requests.length;
    await converse(gateway.port, `own/${model}`, streamed);
    const [, second] = provider.requests.slice(before);
    const original = said(exact(whole));
    expect(original).toBeDefined();
    expect(sent(exact(second?.body ?? ''), original)).toEqual(original);
  });
});
