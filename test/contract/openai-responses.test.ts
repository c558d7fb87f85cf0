import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { type ChatCompletionResponse, FinishReason } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { type Message, MessageSchema, Role } from '../../gen/es/llmbridge/v1/content_pb.ts';
import { ToolCallType, ToolChoiceMode } from '../../gen/es/llmbridge/v1/tool_pb.ts';
import type { ProviderAdapter } from '../../src/kernel/adapter.ts';
import { elements, valueAt } from '../../src/kernel/json-text.ts';
import type { ProviderType } from '../../src/kernel/provider.ts';
import { azureOpenAi } from '../../src/providers/azure-openai/index.ts';
import { providerTypes } from '../../src/providers/index.ts';
import { openai } from '../../src/providers/openai/index.ts';
import { decodeRequest } from '../../src/transports/http/openai/request.ts';
import { encodeResponse } from '../../src/transports/http/openai/response.ts';
import { bodyOf, isStream, readCorpus } from './corpus.ts';
import { chunksOf, collected, encoded, fixture, messageOf, user } from './dialect.ts';

const responsesOf = (type: ProviderType, options: Record<string, unknown> = {}): ProviderAdapter =>
  type.adapter({ name: type.type, basePath: '', headers: {}, options: { api: 'responses', ...options } });

const adapter = responsesOf(openai);
const names = ['thinking-tools', 'server-tools'] as const;
const whole = (name: string) => fixture(`openai-responses/${name}.body`);
const stream = (name: string) => fixture(`openai-responses/${name}.sse`);

type Body = { readonly [member: string]: unknown };
const bodyText = (request: Parameters<typeof encoded>[2], model = 'gpt-5.2', of = adapter) =>
  String(encoded(of, model, request).body);
const body = (request: Parameters<typeof encoded>[2], model = 'gpt-5.2', of = adapter) =>
  JSON.parse(bodyText(request, model, of)) as Body;

/** What an answer's items are when it is sent back. */
const sentBack = (of: ProviderAdapter, answer: Message) => {
  const { body: text, notes } = encoded(of, 'gpt-5.2', { messages: [user('hi'), answer] });
  return { items: (JSON.parse(String(text)) as { input: unknown[] }).input.slice(1), notes };
};

/** An answer's message as a caller that speaks JSON sends it back. */
function throughJson(answer: ChatCompletionResponse): Message {
  const message = valueAt(encodeResponse(answer, false), ['choices', 0, 'message']) ?? '';
  const [back] = decodeRequest(Buffer.from(`{"model":"m","messages":[${message}]}`)).request.messages;
  if (back === undefined) throw new Error('no message');
  return back;
}

describe.each(names)('%s', (name) => {
  test('a stream, cut anywhere, collects to the whole answer', () => {
    const answer = adapter.decode(whole(name));
    for (const size of [1, 7, 4096]) expect(collected(adapter, stream(name), size)).toEqual(answer);
  });

  test('sent back as history it is the provider’s own items, whole or streamed', () => {
    const original = (JSON.parse(String(whole(name))) as { output: unknown[] }).output;
    for (const answer of [adapter.decode(whole(name)), collected(adapter, stream(name), 4096)]) {
      expect(sentBack(adapter, messageOf(answer))).toEqual({ items: original, notes: [] });
    }
  });

  test('so it is when the caller speaks JSON', () => {
    const original = (JSON.parse(String(whole(name))) as { output: unknown[] }).output;
    expect(sentBack(adapter, throughJson(adapter.decode(whole(name))))).toEqual({ items: original, notes: [] });
  });

  test('a stream that ends early is never a whole answer', () => {
    const text = stream(name);
    const end = text.lastIndexOf('event: response.');
    for (let at = 0; at <= end; at += 97) {
      expect(() => chunksOf(adapter, text.subarray(0, at), 4096)).toThrow(
        expect.objectContaining({ reason: 'PROVIDER_STREAM_CUT' }),
      );
    }
  });
});

test('text, reasoning, calls and counts have their typed places', () => {
  const response = adapter.decode(whole('thinking-tools'));
  const message = messageOf(response);
  expect(message.content).toBe('Looking both up.');
  expect(message.reasoningContent).toBe('**Looking**\n\nTwo cities.\n\n**Calling**\n\nSo two calls.');
  expect(message.parts.map(({ part }) => part.case)).toEqual([
    'reasoning',
    'reasoning',
    'text',
    'toolCall',
    'toolCall',
  ]);
  expect(message.toolCalls).toMatchObject([
    { id: 'call_1', name: 'lookup', type: ToolCallType.FUNCTION },
    { id: 'call_2', name: 'shell', type: ToolCallType.CUSTOM, arguments: 'ls -l "x"' },
  ]);
  expect(response).toMatchObject({ id: 'resp_01', created: 1_760_000_000, serviceTier: 'default' });
  expect(response.choices[0]).toMatchObject({
    finishReason: FinishReason.TOOL_CALLS,
    nativeFinishReason: 'completed',
  });
  expect(response.usage).toMatchObject({
    promptTokens: 400,
    completionTokens: 77,
    totalTokens: 477,
    promptTokensDetails: { cachedTokens: 256 },
    completionTokensDetails: { reasoningTokens: 20 },
  });
  expect(JSON.parse(response.extra['openai'] ?? '')).toEqual({
    parallel_tool_calls: true,
    metadata: {},
    store: false,
    temperature: 1,
  });
});

test('pictures, citations, refusals and what the provider did by itself have theirs', () => {
  const response = adapter.decode(whole('server-tools'));
  const message = messageOf(response);
  expect(message.parts.map(({ part }) => part.case)).toEqual(['native', 'image', 'text', 'text', 'refusal']);
  expect(message).toMatchObject({ content: 'It says so. More:', refusal: 'No more of it.' });
  expect(message.parts[1]?.part.value).toMatchObject({ mediaType: 'image/png' });
  expect(message.parts[2]?.part.value).toMatchObject({
    citations: [{ url: 'https://e.example/a', title: 'A', startIndex: 8, endIndex: 12 }],
  });
  expect(response.choices[0]).toMatchObject({
    finishReason: FinishReason.CONTENT_FILTER,
    nativeFinishReason: 'content_filter',
  });
});

test('arguments keep the order of their keys and all digits, there and back', () => {
  const call = '{"10":{"b":1,"a":2},"2":9007199254740993,"city":"Prague"}';
  const answer = messageOf(adapter.decode(whole('thinking-tools')));
  expect(answer.toolCalls[0]?.arguments).toBe(call);
  const items = elements(valueAt(bodyText({ messages: [answer] }), ['input']) ?? '[]');
  expect(JSON.parse(valueAt(items[2] ?? '', ['arguments']) ?? '')).toBe(call);
});

test('reasoning that the provider would not know again stays out, and what follows it loses its ids', () => {
  const answer = messageOf(adapter.decode(whole('thinking-tools')));
  for (const part of answer.parts) if (part.part.case === 'reasoning') part.part.value.redacted = '';
  const kept = body({ messages: [answer] });
  expect(kept['input']).toMatchObject([{ type: 'reasoning', id: 'rs_01' }, { id: 'msg_01' }, { id: 'fc_01' }, {}]);
  const { body: text, notes } = encoded(adapter, 'gpt-5.2', { messages: [answer], store: false });
  expect(JSON.parse(String(text))).toMatchObject({
    input: [
      { role: 'assistant', content: [{ type: 'output_text', text: 'Looking both up.' }] },
      { type: 'function_call', call_id: 'call_1' },
      { type: 'custom_tool_call', call_id: 'call_2' },
    ],
  });
  expect(String(text)).not.toMatch(/msg_01|fc_01|ctc_01|rs_01/);
  expect(notes.map(({ name }) => name)).toContain('messages[0].parts[0].reasoning');
});

test('a conversation becomes input items', () => {
  const picture = { case: 'image' as const, value: { source: { case: 'url' as const, value: 'https://e.example/p' } } };
  const request = body({
    messages: [
      create(MessageSchema, { role: Role.DEVELOPER, content: 'be brief' }),
      create(MessageSchema, {
        role: Role.USER,
        parts: [{ part: { case: 'text', value: { text: 'what is it?' } } }, { part: picture }],
      }),
      create(MessageSchema, {
        role: Role.ASSISTANT,
        content: 'Looking.',
        toolCalls: [
          { id: 'call_1', name: 'look', arguments: '{}' },
          { id: 'call_2', name: 'run', type: ToolCallType.CUSTOM, arguments: 'ls' },
        ],
      }),
      create(MessageSchema, { role: Role.TOOL, toolCallId: 'call_1', parts: [{ part: picture }] }),
      create(MessageSchema, { role: Role.TOOL, toolCallId: 'call_2', content: 'a b' }),
    ],
  });
  expect(request['input']).toEqual([
    { role: 'developer', content: 'be brief' },
    {
      role: 'user',
      content: [
        { type: 'input_text', text: 'what is it?' },
        { type: 'input_image', image_url: 'https://e.example/p' },
      ],
    },
    { role: 'assistant', content: 'Looking.' },
    { type: 'function_call', call_id: 'call_1', name: 'look', arguments: '{}' },
    { type: 'custom_tool_call', call_id: 'call_2', name: 'run', input: 'ls' },
    {
      type: 'function_call_output',
      call_id: 'call_1',
      output: [{ type: 'input_image', image_url: 'https://e.example/p' }],
    },
    { type: 'custom_tool_call_output', call_id: 'call_2', output: 'a b' },
  ]);
});

test('parameters have their own places', () => {
  const schema = '{"type":"object","properties":{"10":{},"2":{}}}';
  const request = {
    messages: [user('hi')],
    tools: [
      { tool: { case: 'function', value: { name: 'look', parameters: schema } } },
      {
        tool: {
          case: 'custom',
          value: { name: 'run', format: '{"type":"grammar","grammar":{"syntax":"lark","definition":"x"}}' },
        },
      },
      { tool: { case: 'native', value: { json: '{"type":"web_search"}' } } },
    ],
    toolChoice: { mode: ToolChoiceMode.REQUIRED, allowed: ['look', 'run'] },
    responseFormat: { format: { case: 'jsonSchema', value: { name: 'answer', schema, strict: true } } },
    reasoningEffort: 'high',
    reasoning: { summary: 'auto' },
    verbosity: 'low',
    maxTokens: 99,
    logprobs: true,
    topLogprobs: 2,
    store: false,
    stop: ['END'],
    extra: {
      openai:
        '{"previous_response_id":"resp_0","truncation":"auto","background":true,"input":"other","max_output_tokens":5}',
    },
  };
  const { body: text, notes } = encoded(adapter, 'gpt-5.2', request as never);
  const { tools, ...rest } = JSON.parse(String(text)) as Body;
  expect(rest).toEqual({
    model: 'gpt-5.2',
    input: [{ role: 'user', content: 'hi' }],
    tool_choice: {
      type: 'allowed_tools',
      mode: 'required',
      tools: [
        { type: 'function', name: 'look' },
        { type: 'custom', name: 'run' },
      ],
    },
    text: {
      format: { type: 'json_schema', name: 'answer', schema: JSON.parse(schema) as unknown, strict: true },
      verbosity: 'low',
    },
    reasoning: { effort: 'high', summary: 'auto' },
    include: ['message.output_text.logprobs', 'reasoning.encrypted_content'],
    max_output_tokens: 99,
    top_logprobs: 2,
    store: false,
    previous_response_id: 'resp_0',
    truncation: 'auto',
  });
  expect(tools).toEqual([
    { type: 'function', name: 'look', parameters: JSON.parse(schema) as unknown, strict: false },
    { type: 'custom', name: 'run', format: { type: 'grammar', syntax: 'lark', definition: 'x' } },
    { type: 'web_search' },
  ]);
  expect(String(text)).toContain(`"parameters":${schema}`);
  expect(notes.map(({ name }) => name).sort()).toEqual([
    'extra.openai.background',
    'extra.openai.input',
    'extra.openai.max_output_tokens',
    'stop',
  ]);
});

test('encrypted reasoning is asked for only of models that reason', () => {
  const request = { messages: [user('hi')], store: false };
  expect(body(request, 'gpt-4o')).not.toHaveProperty('include');
  expect(body(request, 'o4-mini')).toMatchObject({ include: ['reasoning.encrypted_content'] });
  expect(body({ messages: [user('hi')] }, 'o4-mini')).not.toHaveProperty('include');
});

test.each([
  [{}, '/openai/v1/responses'],
  [{ api_version: 'preview' }, '/openai/v1/responses?api-version=preview'],
  [{ api_version: '2025-04-01-preview' }, '/openai/responses?api-version=2025-04-01-preview'],
])('Azure with %j is asked at %s', (options, path) => {
  const azure = responsesOf(azureOpenAi, { deployments: { 'gpt-5.2': 'mine' }, ...options });
  const request = encoded(azure, 'gpt-5.2', { messages: [user('hi')] });
  expect(request.path).toBe(path);
  expect(JSON.parse(String(request.body))).toMatchObject({ model: 'mine' });
});

test.each([
  ['error event', 'event: error\ndata: {"type":"error","code":"rate_limit_exceeded","message":"slow"}\n\n', 'limit'],
  [
    'failed response',
    'event: response.failed\ndata: {"type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"x"}}}\n\n',
    'provider',
  ],
  [
    'rejected prompt',
    'data: {"type":"response.failed","response":{"status":"failed","error":{"code":"invalid_prompt","message":"x"}}}\n\n',
    'content',
  ],
])('amid a stream, an %s is a fault', (_, event, blame) => {
  const start = stream('thinking-tools').subarray(0, stream('thinking-tools').indexOf('event: response.output_item'));
  expect(() => chunksOf(adapter, Buffer.concat([start, Buffer.from(event)]), 7)).toThrow(
    expect.objectContaining({ detail: expect.objectContaining({ blame }) as unknown }),
  );
});

test('an error with status 200 is a fault', () => {
  const failed = '{"id":"resp_1","status":"failed","error":{"code":"server_error","message":"oops"},"output":[]}';
  expect(() => adapter.decode(Buffer.from(failed))).toThrow(
    expect.objectContaining({ reason: 'PROVIDER_UNAVAILABLE' }),
  );
  const unfinished = '{"id":"resp_1","status":"in_progress","error":null,"output":[]}';
  expect(() => adapter.decode(Buffer.from(unfinished))).toThrow(
    expect.objectContaining({ reason: 'PROVIDER_MALFORMED' }),
  );
});

const folder = process.env['CORPUS_DIR'];

describe.skipIf(folder === undefined)('recorded answers, sent back, are the provider’s own items', () => {
  const typeNames: Readonly<Record<string, string>> = { azure: 'azure-openai' };
  for (const recorded of folder === undefined ? [] : readCorpus(folder)) {
    const name = typeNames[recorded.provider] ?? recorded.provider;
    const type = providerTypes.find((each) => each.type === name);
    if (recorded.api !== 'openai.responses' || !recorded.oracle.ok || type === undefined) continue;
    test(recorded.name, () => {
      const of = responsesOf(type);
      const bytes = bodyOf(recorded);
      const original = isStream(recorded) ? endedItems(bytes) : (JSON.parse(String(bytes)) as Body)['output'];
      const answer = isStream(recorded) ? collected(of, bytes, 4096) : of.decode(bytes);
      const expected = { items: withoutNulls(original), notes: [] };
      expect(sentBack(of, messageOf(answer))).toEqual(expected);
      expect(sentBack(of, throughJson(answer))).toEqual(expected);
    });
  }
});

/** The items of a stream as each ended: some encrypt their reasoning anew for the last event. */
const endedItems = (bytes: Buffer): unknown[] =>
  String(bytes)
    .split('\n')
    .filter((line) => line.startsWith('data: {'))
    .map((line) => JSON.parse(line.slice('data: '.length)) as Body)
    .filter((event) => event['type'] === 'response.output_item.done')
    .map((event) => event['item']);

/** Null says nothing; blocks of the provider's own keep theirs. */
function withoutNulls(output: unknown): unknown {
  return (output as Body[]).map((item) =>
    item['type'] === 'message' || item['type'] === 'reasoning' || item['type'] === 'function_call'
      ? (JSON.parse(JSON.stringify(item, (_, value: unknown) => value ?? undefined)) as unknown)
      : item,
  );
}
