import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ChatCompletionRequestSchema } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { ParameterAction } from '../../../gen/es/llmbridge/v1/report_pb.ts';
import { ToolCallType, ToolChoiceMode } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import { anthropic } from './index.ts';

type Init = MessageInitShape<typeof ChatCompletionRequestSchema>;

const adapter = anthropic.adapter({
  name: 'claude',
  basePath: '/base',
  headers: { 'anthropic-beta': 'one-2026-01-01', 'x-team': 'a' },
  options: {},
});

function encode(request: Init, model = 'claude-sonnet-4-5', stream = false) {
  const whole = create(ChatCompletionRequestSchema, request);
  return adapter.encode({ request: whole, source: undefined, model, apiKey: 'secret', stream });
}

const bodyOf = (request: Init, model?: string) => JSON.parse(String(encode(request, model).body)) as object;

const actions = new Map<number, string>(Object.entries(ParameterAction).map(([name, value]) => [value, name]));

const notesOf = (request: Init, model?: string) =>
  Object.fromEntries(encode(request, model).notes.map(({ name, action }) => [name, actions.get(action)]));

const hi = { role: Role.USER, content: 'hi' };
const weather = {
  tool: { case: 'function' as const, value: { name: 'weather', parameters: '{"type":"object","2":0,"1":0}' } },
};

test('the road: path, credential, versions, betas of the instance and of the caller', () => {
  const request = encode(
    { messages: [hi], extra: { anthropic: '{"anthropic_beta":["two","bad\\r\\nname"]}' } },
    'm',
    true,
  );
  expect(request).toMatchObject({
    method: 'POST',
    path: '/base/v1/messages',
    headers: {
      'x-api-key': 'secret',
      'anthropic-version': '2023-06-01',
      'anthropic-beta': 'one-2026-01-01,two',
      accept: 'text/event-stream',
      'x-team': 'a',
    },
  });
  expect(JSON.parse(String(request.body))).toEqual({
    model: 'm',
    stream: true,
    max_tokens: 16_384,
    messages: [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }],
  });
});

test('instructions are the system prompt, neighbours of one role one turn, results the user’s', () => {
  const request = {
    messages: [
      { role: Role.SYSTEM, content: 'be brief', cacheControl: { type: 'ephemeral', ttl: '1h' } },
      hi,
      { role: Role.USER, content: 'there' },
      { role: Role.ASSISTANT, content: 'hm', toolCalls: [{ id: 't1', name: 'weather', arguments: '{"2":0,"1":0}' }] },
      { role: Role.TOOL, toolCallId: 't1', content: 'rain', isError: true },
      { role: Role.DEVELOPER, content: 'be kind' },
      { role: Role.USER, content: 'so?' },
    ],
  };
  expect(bodyOf(request)).toMatchObject({
    system: [
      { type: 'text', text: 'be brief', cache_control: { type: 'ephemeral', ttl: '1h' } },
      { type: 'text', text: 'be kind' },
    ],
    messages: [
      { role: 'user', content: [{ text: 'hi' }, { text: 'there' }] },
      { role: 'assistant', content: [{ text: 'hm' }, { type: 'tool_use', id: 't1', name: 'weather' }] },
      {
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: 't1', content: 'rain', is_error: true }, { text: 'so?' }],
      },
    ],
  });
  expect(String(encode(request).body)).toContain('"input":{"2":0,"1":0}');
  expect(notesOf(request)).toEqual({ 'messages[5].role': 'MAPPED' });
});

test('pictures, documents and results with pictures', () => {
  const png = new Uint8Array([0x89, 0x50, 0x4e, 0x47]);
  const image = (source: object) => ({ part: { case: 'image' as const, value: { source: source as never } } });
  const file = (value: object) => ({ part: { case: 'file' as const, value: value as never } });
  const body = bodyOf({
    messages: [
      {
        role: Role.USER,
        parts: [
          image({ case: 'data', value: png }),
          image({ case: 'url', value: 'https://e.example/a.png' }),
          image({ case: 'url', value: 'data:image/webp;base64,AAAA' }),
          image({ case: 'fileId', value: 'file_1' }),
          file({
            source: { case: 'data', value: Buffer.from('%PDF') },
            mediaType: 'application/pdf',
            filename: 'a.pdf',
          }),
          file({ source: { case: 'data', value: Buffer.from('text') }, mediaType: 'text/plain', citations: true }),
        ],
      },
      { role: Role.TOOL, toolCallId: 't', parts: [image({ case: 'data', value: png })] },
    ],
  });
  const picture = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw==' } };
  expect(body).toMatchObject({
    messages: [
      {
        content: [
          picture,
          { type: 'image', source: { type: 'url', url: 'https://e.example/a.png' } },
          { type: 'image', source: { type: 'base64', media_type: 'image/webp', data: 'AAAA' } },
          { type: 'image', source: { type: 'file', file_id: 'file_1' } },
          { type: 'document', source: { type: 'base64', media_type: 'application/pdf' }, title: 'a.pdf' },
          { type: 'document', source: { type: 'text', data: 'text' }, citations: { enabled: true } },
          { type: 'tool_result', tool_use_id: 't', content: [picture] },
        ],
      },
    ],
  });
});

test('tools of every kind, choices, and one call at a time', () => {
  const tools = [
    { ...weather, cacheControl: { type: 'ephemeral' } },
    { tool: { case: 'custom' as const, value: { name: 'shell' } } },
    { tool: { case: 'native' as const, value: { provider: 'anthropic', json: '{"type":"web_search_20250305"}' } } },
  ];
  const request = { messages: [hi], tools, parallelToolCalls: false };
  expect(bodyOf(request)).toMatchObject({
    tools: [
      { name: 'weather', cache_control: { type: 'ephemeral' } },
      { name: 'shell', input_schema: { required: ['input'] } },
      { type: 'web_search_20250305' },
    ],
    tool_choice: { type: 'auto', disable_parallel_tool_use: true },
  });
  expect(String(encode(request).body)).toContain('"input_schema":{"type":"object","2":0,"1":0}');
  const choose = (toolChoice: Init['toolChoice']) => bodyOf({ messages: [hi], tools, toolChoice } as Init);
  expect(choose({ mode: ToolChoiceMode.REQUIRED })).toMatchObject({ tool_choice: { type: 'any' } });
  expect(choose({ mode: ToolChoiceMode.NONE })).toMatchObject({ tool_choice: { type: 'none' } });
  expect(choose({ mode: ToolChoiceMode.REQUIRED, name: 'shell' })).toMatchObject({
    tool_choice: { type: 'tool', name: 'shell' },
  });
  expect(choose({ allowed: ['shell'] })).toMatchObject({ tools: [{ name: 'shell' }, { type: 'web_search_20250305' }] });
});

test('free-text input and broken arguments are wrapped, as an input must be an object', () => {
  const toolCalls = [
    { id: 'a', type: ToolCallType.CUSTOM, name: 'shell', arguments: 'ls' },
    { id: 'b', name: 'f', arguments: '{"cut":' },
    { id: 'c', name: 'f', arguments: '' },
  ];
  const messages = [hi, { role: Role.ASSISTANT, toolCalls }];
  const inputs = [{ input: { input: 'ls' } }, { input: { input: '{"cut":' } }, { input: {} }];
  expect(bodyOf({ messages })).toMatchObject({ messages: [{}, { content: inputs }] });
});

test.each([
  [
    'claude-sonnet-4-5',
    { reasoningEffort: 'low' },
    { thinking: { type: 'enabled', budget_tokens: 2048 }, max_tokens: 18_432 },
  ],
  ['claude-sonnet-4-5', { reasoning: { maxTokens: 5000 }, maxTokens: 4000 }, { thinking: { budget_tokens: 3999 } }],
  ['claude-sonnet-4-5', { reasoning: { enabled: false } }, { thinking: { type: 'disabled' } }],
  [
    'claude-opus-4-6',
    { reasoningEffort: 'xhigh' },
    { thinking: { type: 'adaptive' }, output_config: { effort: 'high' } },
  ],
  ['claude-opus-4-6', { reasoning: { maxTokens: 2000 } }, { thinking: { type: 'enabled', budget_tokens: 2000 } }],
  [
    'claude-opus-4-7',
    { reasoningEffort: 'xhigh' },
    { thinking: { type: 'adaptive' }, output_config: { effort: 'xhigh' } },
  ],
  ['claude-fable-5', { reasoning: { maxTokens: 2000 } }, { thinking: { type: 'adaptive', display: 'summarized' } }],
  ['claude-fable-5', { reasoning: { enabled: true, exclude: true } }, { thinking: { display: 'omitted' } }],
])('%s thinks as asked: %j', (model, options, expected) => {
  expect(bodyOf({ messages: [hi], ...options }, model)).toMatchObject(expected);
});

test('what the model does not take while thinking, or at all, is left out and told', () => {
  const sampling = { temperature: 0.5, topP: 0.5, topK: 5 };
  expect(notesOf({ messages: [hi], ...sampling, reasoningEffort: 'high' })).toMatchObject({
    temperature: 'DROPPED',
    top_p: 'DROPPED',
    top_k: 'DROPPED',
  });
  const newest = bodyOf({ messages: [hi], ...sampling }, 'claude-opus-4-8');
  for (const name of ['temperature', 'top_p', 'top_k']) expect(newest).not.toHaveProperty(name);
  expect(bodyOf({ messages: [hi], temperature: 1.5 })).toMatchObject({ temperature: 1 });
  expect(bodyOf({ messages: [hi], temperature: 0.5, topP: 0.5 }, 'claude-3-5-haiku-20241022')).toMatchObject({
    top_p: 0.5,
  });
});

test('thinking is left out where the API would refuse it: a forced tool, a tool loop begun without', () => {
  const forced = { tools: [weather], toolChoice: { mode: ToolChoiceMode.REQUIRED } };
  expect(notesOf({ messages: [hi], reasoningEffort: 'high', ...forced })).toMatchObject({ reasoning: 'DROPPED' });
  const loop = [
    hi,
    { role: Role.ASSISTANT, toolCalls: [{ id: 'a', name: 'weather', arguments: '{}' }] },
    { role: Role.TOOL, toolCallId: 'a', content: 'rain' },
  ];
  expect(notesOf({ messages: loop, reasoningEffort: 'high', tools: [weather] })).toMatchObject({
    reasoning: 'DROPPED',
  });
});

test('a schema for the answer goes as it was written', () => {
  const jsonSchema = { name: 'n', schema: '{"type":"object","2":0,"1":0}' };
  const request = { messages: [hi], responseFormat: { format: { case: 'jsonSchema' as const, value: jsonSchema } } };
  expect(String(encode(request).body)).toContain(
    '"output_config":{"format":{"type":"json_schema","schema":{"type":"object","2":0,"1":0}}}',
  );
});

test('what cannot be carried is noted, nothing else is', () => {
  expect(
    notesOf({
      messages: [
        { ...hi, name: 'bob' },
        { role: Role.ASSISTANT, reasoningContent: 'unsigned', content: 'x' },
      ],
      n: 2,
      seed: 7n,
      presencePenalty: 0.5,
      frequencyPenalty: 0,
      logprobs: true,
      user: 'u',
      stop: ['END'],
      extra: { '*': '{"model":"other","container":"c"}' },
    }),
  ).toEqual({
    'messages[0].name': 'DROPPED',
    'messages[1].reasoning_content': 'DROPPED',
    n: 'DROPPED',
    seed: 'DROPPED',
    presence_penalty: 'DROPPED',
    logprobs: 'DROPPED',
    'extra.*.model': 'REFUSED',
  });
});
