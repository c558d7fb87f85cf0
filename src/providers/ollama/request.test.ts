import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ChatCompletionRequestSchema } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { ParameterAction } from '../../../gen/es/llmbridge/v1/report_pb.ts';
import { ToolChoiceMode } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import { ollama } from './index.ts';

type Init = MessageInitShape<typeof ChatCompletionRequestSchema>;

function encode(request: Init, { stream = false, apiKey = '', basePath = '', api = 'native' } = {}) {
  const whole = create(ChatCompletionRequestSchema, request);
  const adapter = ollama.adapter({ name: 'local', basePath, headers: { 'x-team': 'a' }, options: { api } });
  return adapter.encode({ request: whole, source: undefined, model: 'qwen3:8b', apiKey, stream });
}

const bodyOf = (request: Init) => JSON.parse(String(encode(request).body)) as object;

const actions = new Map<number, string>(Object.entries(ParameterAction).map(([name, value]) => [value, name]));
const notesOf = (request: Init) =>
  Object.fromEntries(encode(request).notes.map(({ name, action }) => [name, actions.get(action)]));

const hi = { role: Role.USER, content: 'hi' };
const weather = {
  tool: { case: 'function' as const, value: { name: 'weather', parameters: '{"type":"object","2":0,"1":0}' } },
};
const other = { tool: { case: 'function' as const, value: { name: 'other' } } };
const png = new Uint8Array([0x89, 0x50, 0x4e, 0x47]);

test('the road: path, key where there is one, no stream unless asked', () => {
  const request = encode({ messages: [hi] });
  expect(request).toMatchObject({ method: 'POST', path: '/api/chat', headers: { 'x-team': 'a' } });
  expect(request.headers).not.toHaveProperty('authorization');
  expect(JSON.parse(String(request.body))).toEqual({
    model: 'qwen3:8b',
    stream: false,
    messages: [{ role: 'user', content: 'hi' }],
  });
  expect(encode({ messages: [hi] }, { stream: true, apiKey: 'k', basePath: '/x/api' })).toMatchObject({
    path: '/x/api/chat',
    headers: { authorization: 'Bearer k', accept: 'application/x-ndjson' },
  });
});

test('its Chat Completions by an option', () => {
  const request = encode({ messages: [hi], topLogprobs: 1 }, { api: 'chat', stream: true });
  expect(request.path).toBe('/v1/chat/completions');
  expect(request.body).toContain('"stream_options":{"include_usage":true}');
});

test('messages: one text each, pictures and calls beside it', () => {
  const part = (kind: string, value: object) => ({ part: { case: kind, value } as never });
  const call = { id: 'c1', name: 'weather', arguments: '{"2":0,"1":12345678901234567890}' };
  const request = {
    messages: [
      { role: Role.DEVELOPER, content: 'be brief' },
      {
        role: Role.USER,
        parts: [
          part('text', { text: 'what ' }),
          part('image', { source: { case: 'data', value: png } }),
          part('text', { text: 'is it?' }),
          part('image', { source: { case: 'url', value: 'data:image/png;base64,AAAA' } }),
        ],
      },
      { role: Role.ASSISTANT, reasoningContent: 'hm', toolCalls: [call, { ...call, id: 'ollama_1_0' }] },
      { role: Role.TOOL, toolCallId: 'c1', content: 'rain' },
      { role: Role.TOOL, toolCallId: 'ollama_1_0', content: 'sun' },
    ],
  };
  expect(bodyOf(request)).toMatchObject({
    messages: [
      { role: 'system', content: 'be brief' },
      { role: 'user', content: 'what is it?', images: ['iVBORw==', 'AAAA'] },
      { role: 'assistant', content: '', thinking: 'hm', tool_calls: [{ id: 'c1', function: { index: 0 } }, {}] },
      { role: 'tool', content: 'rain', tool_name: 'weather', tool_call_id: 'c1' },
      { role: 'tool', content: 'sun', tool_name: 'weather' },
    ],
  });
  const body = String(encode(request).body);
  expect(body).toContain('"arguments":{"2":0,"1":12345678901234567890}');
  expect(body).not.toContain('ollama_1_0');
  expect(notesOf(request)).toEqual({});
});

test('what it cannot see is told', () => {
  const part = (kind: string, value: object) => ({ part: { case: kind, value } as never });
  const parts = [
    part('image', { source: { case: 'url', value: 'https://e.example/a.png' } }),
    part('audio', { source: { case: 'data', value: png } }),
    part('file', { source: { case: 'data', value: png }, mediaType: 'application/pdf' }),
    part('native', { provider: 'anthropic', json: '{}' }),
  ];
  expect(notesOf({ messages: [{ role: Role.USER, parts }] })).toEqual({
    'messages[0].parts[0].image': 'DROPPED',
    'messages[0].parts[1].audio': 'DROPPED',
    'messages[0].parts[2].file': 'DROPPED',
    'messages[0].parts[3].native': 'DROPPED',
  });
});

test('options, form and tools', () => {
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
    topLogprobs: 2,
    tools: [weather],
    responseFormat: { format: { case: 'jsonSchema' as const, value: { name: 'a', schema: '{"2":0,"1":0}' } } },
    extra: { ollama: '{"keep_alive":"5m","options":{"num_ctx":8192,"num_predict":99}}' },
  };
  expect(bodyOf(request)).toMatchObject({
    logprobs: true,
    top_logprobs: 2,
    keep_alive: '5m',
    options: {
      num_predict: 10,
      temperature: 0.7,
      top_p: 0.9,
      top_k: 5,
      seed: 7,
      stop: ['x'],
      presence_penalty: 1,
      frequency_penalty: 0.5,
      num_ctx: 8192,
    },
  });
  const body = String(encode(request).body);
  expect(body).toContain('"format":{"2":0,"1":0}');
  expect(body).toContain('"function":{"name":"weather","parameters":{"type":"object","2":0,"1":0}}');
  expect(notesOf(request)).toEqual({ 'extra.ollama.options.num_predict': 'REFUSED' });
});

test.each([
  [{ mode: ToolChoiceMode.NONE }, undefined, { tool_choice: 'MAPPED' }],
  [{ mode: ToolChoiceMode.REQUIRED }, 2, { tool_choice: 'DROPPED' }],
  [{ mode: ToolChoiceMode.REQUIRED, name: 'weather' }, 1, { tool_choice: 'DROPPED' }],
  [{ mode: ToolChoiceMode.AUTO, allowed: ['other'] }, 1, { 'tool_choice.allowed': 'MAPPED' }],
  [{ mode: ToolChoiceMode.AUTO }, 2, {}],
])('tool choice %j', (toolChoice, count, notes) => {
  const request = { messages: [hi], tools: [weather, other], toolChoice };
  expect((bodyOf(request) as { tools?: unknown[] }).tools?.length).toBe(count);
  expect(notesOf(request)).toEqual(notes);
});

test.each([
  [{ reasoningEffort: 'none' }, false, {}],
  [{ reasoningEffort: 'high' }, 'high', {}],
  [{ reasoningEffort: 'minimal' }, 'low', { reasoning_effort: 'MAPPED' }],
  [{ reasoning: { enabled: true } }, true, {}],
  [{ reasoning: { maxTokens: 50 } }, true, { 'reasoning.max_tokens': 'MAPPED' }],
  [{}, undefined, {}],
])('%j thinks %s', (asked, think, notes) => {
  const request = { messages: [hi], ...asked };
  expect((bodyOf(request) as { think?: unknown }).think).toBe(think);
  expect(notesOf(request)).toEqual(notes);
});
