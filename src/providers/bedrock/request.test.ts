import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ChatCompletionRequestSchema } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { ParameterAction } from '../../../gen/es/llmbridge/v1/report_pb.ts';
import { ToolChoiceMode } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import { bedrock } from './index.ts';

type Init = MessageInitShape<typeof ChatCompletionRequestSchema>;

const adapter = bedrock.adapter({ name: 'aws', basePath: '', headers: {}, options: {} });
const claude = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0';
const nova = 'us.amazon.nova-2-lite-v1:0';

function encode(request: Init, model = claude, apiKey = 'token', stream = false) {
  const whole = create(ChatCompletionRequestSchema, request);
  return adapter.encode({ request: whole, source: undefined, model, apiKey, stream });
}

const bodyOf = (request: Init, model?: string) => JSON.parse(String(encode(request, model).body)) as object;

const actions = new Map<number, string>(Object.entries(ParameterAction).map(([name, value]) => [value, name]));

const notesOf = (request: Init, model?: string) =>
  Object.fromEntries(encode(request, model).notes.map(({ name, action }) => [name, actions.get(action)]));

const hi = { role: Role.USER, content: 'hi' };
const weather = { tool: { case: 'function' as const, value: { name: 'weather', parameters: '{"2":0,"1":0}' } } };
const called = {
  role: Role.ASSISTANT,
  toolCalls: [{ id: 't1', name: 'weather', arguments: '{"2":0,"1":9007199254740993}' }],
};

test('the path has the model, encoded; a key is a bearer token, without one there is none', () => {
  const arn = 'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc';
  expect(encode({ messages: [hi] }, arn, 'token', true)).toMatchObject({
    method: 'POST',
    path: '/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fabc/converse-stream',
    headers: { authorization: 'Bearer token', accept: 'application/vnd.amazon.eventstream' },
  });
  expect(encode({ messages: [hi] }, claude, '').headers).not.toHaveProperty('authorization');
  expect(encode({ messages: [hi] }).path).toBe('/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse');
});

test('messages, limits and marks of the cache', () => {
  const mark = { type: 'ephemeral', ttl: '1h' };
  const request = {
    messages: [
      { role: Role.SYSTEM, content: 'be brief', cacheControl: mark },
      { ...hi, cacheControl: { type: 'ephemeral' } },
      called,
      { role: Role.TOOL, toolCallId: 't1', content: 'rain', isError: true },
    ],
    tools: [{ ...weather, cacheControl: { type: 'ephemeral' } }],
    maxTokens: 10,
    temperature: 0.5,
    stop: ['END'],
    metadata: { team: 'a' },
    serviceTier: 'priority',
  };
  expect(bodyOf(request)).toEqual({
    system: [{ text: 'be brief' }, { cachePoint: { type: 'default', ttl: '1h' } }],
    messages: [
      { role: 'user', content: [{ text: 'hi' }, { cachePoint: { type: 'default' } }] },
      {
        role: 'assistant',
        content: [{ toolUse: { toolUseId: 't1', name: 'weather', input: expect.anything() as unknown } }],
      },
      { role: 'user', content: [{ toolResult: { toolUseId: 't1', content: [{ text: 'rain' }], status: 'error' } }] },
    ],
    inferenceConfig: { maxTokens: 10, temperature: 0.5, stopSequences: ['END'] },
    toolConfig: {
      tools: [
        { toolSpec: { name: 'weather', inputSchema: { json: { '1': 0, '2': 0 } } } },
        { cachePoint: { type: 'default' } },
      ],
    },
    requestMetadata: { team: 'a' },
    serviceTier: { type: 'priority' },
  });
  const { body, notes } = encode(request);
  expect(String(body)).toContain('"input":{"2":0,"1":9007199254740993}');
  expect(String(body)).toContain('"json":{"2":0,"1":0}');
  expect(notes).toEqual([]);
});

test('media go as bytes or from S3; other URLs are told as dropped', () => {
  const part = (kind: string, value: object) => ({ part: { case: kind, value } }) as never;
  const request = {
    messages: [
      {
        role: Role.USER,
        parts: [
          part('image', { source: { case: 'data', value: new Uint8Array([0xff, 0xd8, 0xff]) } }),
          part('image', { source: { case: 'url', value: 'https://e.example/a.png' } }),
          part('file', {
            source: { case: 'url', value: 's3://b/k.pdf' },
            mediaType: 'application/pdf',
            filename: 'a_b.pdf',
          }),
          part('file', { source: { case: 'data', value: Buffer.from('x') }, filename: 'table.csv' }),
          part('video', { source: { case: 'url', value: 's3://b/k.mp4' }, mediaType: 'video/quicktime' }),
          part('audio', { source: { case: 'data', value: new Uint8Array([1]) }, format: 'mp3' }),
        ],
      },
    ],
  };
  expect(bodyOf(request)).toMatchObject({
    messages: [
      {
        content: [
          { image: { format: 'jpeg', source: { bytes: '/9j/' } } },
          { document: { format: 'pdf', name: 'a b', source: { s3Location: { uri: 's3://b/k.pdf' } } } },
          { document: { format: 'csv', name: 'table' } },
          { video: { format: 'mov', source: { s3Location: { uri: 's3://b/k.mp4' } } } },
          { audio: { format: 'mp3', source: { bytes: 'AQ==' } } },
        ],
      },
    ],
  });
  expect(notesOf(request)).toEqual({ 'messages[0].parts[1].image': 'DROPPED' });
});

test('tool choices; tools are declared where the history has calls', () => {
  const choose = (toolChoice: Init['toolChoice'], messages: Init['messages'] = [hi]) =>
    bodyOf({ messages, tools: [weather], toolChoice } as Init);
  expect(choose({ mode: ToolChoiceMode.REQUIRED })).toMatchObject({ toolConfig: { toolChoice: { any: {} } } });
  expect(choose({ mode: ToolChoiceMode.REQUIRED, name: 'weather' })).toMatchObject({
    toolConfig: { toolChoice: { tool: { name: 'weather' } } },
  });
  expect(choose({ mode: ToolChoiceMode.NONE })).not.toHaveProperty('toolConfig');
  expect(choose({ mode: ToolChoiceMode.NONE }, [hi, called as never])).toHaveProperty('toolConfig');
  expect(bodyOf({ messages: [hi, called] })).toMatchObject({
    toolConfig: { tools: [{ toolSpec: { name: 'weather' } }] },
  });
});

test.each([
  [claude, { reasoningEffort: 'low' }, { thinking: { type: 'enabled', budget_tokens: 2048 } }],
  [
    'global.anthropic.claude-opus-4-7',
    { reasoningEffort: 'max' },
    { thinking: { type: 'adaptive' }, output_config: { effort: 'max' } },
  ],
  [claude, { topK: 5 }, { top_k: 5 }],
  [claude, { parallelToolCalls: false, tools: [weather] }, { tool_choice: { disable_parallel_tool_use: true } }],
  [
    nova,
    { reasoningEffort: 'minimal', topK: 5 },
    { reasoningConfig: { maxReasoningEffort: 'low' }, inferenceConfig: { topK: 5 } },
  ],
  ['openai.gpt-oss-120b-1:0', { reasoningEffort: 'high' }, { reasoning_effort: 'high' }],
  ['mistral.mistral-large-2407-v1:0', { topK: 5 }, { top_k: 5 }],
  [nova, { extra: { '*': '{"x":{"2":0,"1":0}}' } }, { x: { '1': 0, '2': 0 } }],
])('%s takes %j its maker’s way', (model, options, expected) => {
  expect(bodyOf({ messages: [hi], ...options }, model)).toMatchObject({ additionalModelRequestFields: expected });
});

test('Converse’s own fields come from extra; what names the model or its limits may not', () => {
  const extra = {
    bedrock: '{"performanceConfig":{"latency":"optimized"},"modelId":"x","inferenceConfig":{"maxTokens":9}}',
  };
  const request = { messages: [hi], maxTokens: 5, extra };
  expect(bodyOf(request)).toMatchObject({
    performanceConfig: { latency: 'optimized' },
    inferenceConfig: { maxTokens: 5 },
  });
  expect(notesOf(request)).toMatchObject({ 'extra.bedrock.modelId': 'REFUSED' });
});

test('a schema for the answer goes as text', () => {
  const value = { name: 'n', description: 'd', schema: '{"2":0,"1":0}' };
  expect(bodyOf({ messages: [hi], responseFormat: { format: { case: 'jsonSchema', value } } })).toMatchObject({
    outputConfig: { textFormat: { type: 'json_schema', structure: { jsonSchema: value } } },
  });
});

test('what cannot be carried is noted', () => {
  const request = { messages: [hi], n: 2, seed: 1n, topK: 3, reasoningEffort: 'high', parallelToolCalls: false };
  expect(notesOf(request, 'meta.llama3-3-70b-instruct-v1:0')).toEqual({
    n: 'DROPPED',
    seed: 'DROPPED',
    top_k: 'DROPPED',
    reasoning_effort: 'DROPPED',
    parallel_tool_calls: 'DROPPED',
  });
});
