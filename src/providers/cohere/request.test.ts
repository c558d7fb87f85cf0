import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ChatCompletionRequestSchema } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { ParameterAction } from '../../../gen/es/llmbridge/v1/report_pb.ts';
import { ToolCallType, ToolChoiceMode } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import { cohere } from './index.ts';

type Init = MessageInitShape<typeof ChatCompletionRequestSchema>;

function encode(request: Init, stream = false, basePath = '') {
  const whole = create(ChatCompletionRequestSchema, request);
  const adapter = cohere.adapter({ name: 'co', basePath, headers: { 'x-client-name': 'a' }, options: {} });
  return adapter.encode({ request: whole, source: undefined, model: 'command-a-03-2025', apiKey: 'secret', stream });
}

const bodyOf = (request: Init) => JSON.parse(String(encode(request).body)) as object;

const actions = new Map<number, string>(Object.entries(ParameterAction).map(([name, value]) => [value, name]));
const notesOf = (request: Init) =>
  Object.fromEntries(encode(request).notes.map(({ name, action }) => [name, actions.get(action)]));

const hi = { role: Role.USER, content: 'hi' };
const tool = (name: string, strict?: boolean) => ({
  tool: {
    case: 'function' as const,
    value: { name, parameters: '{"type":"object","2":0,"1":0}', ...(strict !== undefined && { strict }) },
  },
});
const part = (kind: string, value: object) => ({ part: { case: kind, value } as never });

test('the road: path, credential, framing', () => {
  expect(encode({ messages: [hi] }, true)).toMatchObject({
    method: 'POST',
    path: '/v2/chat',
    headers: { authorization: 'Bearer secret', accept: 'text/event-stream', 'x-client-name': 'a' },
  });
  expect(encode({ messages: [hi] }, true, '/proxy/v2').path).toBe('/proxy/v2/chat');
  expect(JSON.parse(String(encode({ messages: [hi] }, true).body))).toEqual({
    model: 'command-a-03-2025',
    stream: true,
    messages: [{ role: 'user', content: 'hi' }],
  });
});

test('messages: roles, blocks, calls with their arguments as text, results', () => {
  const call = { id: 'c1', name: 'weather', arguments: '{"2":0,"1":12345678901234567890}' };
  const request = {
    messages: [
      { role: Role.DEVELOPER, content: 'be brief' },
      {
        role: Role.USER,
        parts: [
          part('text', { text: 'see' }),
          part('image', { source: { case: 'data', value: new Uint8Array([0x89, 0x50, 0x4e, 0x47]) }, detail: 'low' }),
          part('image', { source: { case: 'url', value: 'https://e.example/a.png' } }),
        ],
      },
      {
        role: Role.ASSISTANT,
        reasoningContent: 'hm',
        content: 'wait',
        toolCalls: [call, { id: 'c2', name: 'write', arguments: 'free', type: ToolCallType.CUSTOM }],
      },
      { role: Role.TOOL, toolCallId: 'c1', content: 'rain' },
    ],
  };
  expect(bodyOf(request)).toEqual({
    model: 'command-a-03-2025',
    messages: [
      { role: 'system', content: 'be brief' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'see' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw==', detail: 'low' } },
          { type: 'image_url', image_url: { url: 'https://e.example/a.png' } },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'hm' },
          { type: 'text', text: 'wait' },
        ],
        tool_calls: [
          { id: 'c1', type: 'function', function: { name: 'weather', arguments: call.arguments } },
          { id: 'c2', type: 'function', function: { name: 'write', arguments: '{"input":"free"}' } },
        ],
      },
      { role: 'tool', content: 'rain', tool_call_id: 'c1' },
    ],
  });
  expect(notesOf(request)).toEqual({ 'messages[2].tool_calls[1].arguments': 'MAPPED' });
});

test('parameters under their own names', () => {
  const request = {
    messages: [hi],
    temperature: 0.7,
    topP: 0.9,
    topK: 5,
    maxTokens: 10,
    stop: ['x'],
    seed: 7n,
    presencePenalty: 1,
    frequencyPenalty: 0.5,
    logprobs: true,
    tools: [tool('weather')],
    responseFormat: { format: { case: 'jsonSchema' as const, value: { name: 'a', schema: '{"2":0,"1":0}' } } },
    extra: { cohere: '{"documents":["a"],"citation_options":{"mode":"FAST"},"max_tokens":99}' },
  };
  expect(bodyOf(request)).toMatchObject({
    temperature: 0.7,
    p: 0.9,
    k: 5,
    max_tokens: 10,
    stop_sequences: ['x'],
    seed: 7,
    presence_penalty: 1,
    frequency_penalty: 0.5,
    logprobs: true,
    documents: ['a'],
    citation_options: { mode: 'FAST' },
  });
  const body = String(encode(request).body);
  expect(body).toContain('"response_format":{"type":"json_object","json_schema":{"2":0,"1":0}}');
  expect(body).toContain(
    '{"type":"function","function":{"name":"weather","parameters":{"type":"object","2":0,"1":0}}}',
  );
  expect(notesOf(request)).toEqual({ 'extra.cohere.max_tokens': 'REFUSED' });
});

test.each([
  [{ mode: ToolChoiceMode.AUTO }, undefined, 2, {}],
  [{ mode: ToolChoiceMode.NONE }, 'NONE', 2, {}],
  [{ mode: ToolChoiceMode.REQUIRED }, 'REQUIRED', 2, {}],
  [{ mode: ToolChoiceMode.REQUIRED, name: 'b' }, 'REQUIRED', 1, { tool_choice: 'MAPPED' }],
  [{ mode: ToolChoiceMode.AUTO, allowed: ['a'] }, undefined, 1, { tool_choice: 'MAPPED' }],
])('tool choice %j', (toolChoice, word, count, notes) => {
  const request = { messages: [hi], tools: [tool('a'), tool('b')], toolChoice };
  const body = bodyOf(request) as { tools?: unknown[]; tool_choice?: string };
  expect(body.tool_choice).toBe(word);
  expect(body.tools).toHaveLength(count);
  expect(notesOf(request)).toEqual(notes);
});

test('tools are strict together or not at all', () => {
  expect(bodyOf({ messages: [hi], tools: [tool('a', true), tool('b', true)] })).toMatchObject({ strict_tools: true });
  const mixed = { messages: [hi], tools: [tool('a'), tool('b', true)] };
  expect(bodyOf(mixed)).not.toHaveProperty('strict_tools');
  expect(notesOf(mixed)).toEqual({ 'tools[1].function.strict': 'DROPPED' });
});

test.each([
  [{ reasoningEffort: 'none' }, { type: 'disabled' }, {}],
  [{ reasoning: { maxTokens: 0 } }, { type: 'disabled' }, {}],
  [{ reasoning: { maxTokens: 500 } }, { type: 'enabled', token_budget: 500 }, {}],
  [{ reasoningEffort: 'high' }, { type: 'enabled' }, { reasoning_effort: 'MAPPED' }],
  [{}, undefined, {}],
])('%j thinks as %j', (asked, thinking, notes) => {
  const request = { messages: [hi], ...asked };
  expect((bodyOf(request) as { thinking?: object }).thinking).toEqual(thinking);
  expect(notesOf(request)).toEqual(notes);
});

test('what it cannot take is told', () => {
  const parts = [
    part('audio', { source: { case: 'data', value: new Uint8Array([1]) } }),
    part('file', { source: { case: 'data', value: new Uint8Array([1]) } }),
    part('image', { source: { case: 'fileId', value: 'f' } }),
    part('native', { provider: 'gemini', json: '{}' }),
  ];
  expect(notesOf({ messages: [{ role: Role.USER, parts }], n: 2, topLogprobs: 3, serviceTier: 'flex' })).toEqual({
    n: 'DROPPED',
    top_logprobs: 'DROPPED',
    service_tier: 'DROPPED',
    'messages[0].parts[0].audio': 'DROPPED',
    'messages[0].parts[1].file': 'DROPPED',
    'messages[0].parts[2].image': 'DROPPED',
    'messages[0].parts[3].native': 'DROPPED',
  });
});
