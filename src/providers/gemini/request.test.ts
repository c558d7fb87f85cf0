import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ChatCompletionRequestSchema } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { ParameterAction } from '../../../gen/es/llmbridge/v1/report_pb.ts';
import { ToolCallType, ToolChoiceMode } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import { gemini } from './index.ts';

type Init = MessageInitShape<typeof ChatCompletionRequestSchema>;

const adapterAt = (basePath: string) =>
  gemini.adapter({ name: 'google', basePath, headers: { 'x-team': 'a' }, options: {} });

function encode(request: Init, model = 'gemini-2.5-flash', stream = false, basePath = '') {
  const whole = create(ChatCompletionRequestSchema, request);
  return adapterAt(basePath).encode({ request: whole, source: undefined, model, apiKey: 'secret', stream });
}

const bodyOf = (request: Init, model?: string) => JSON.parse(String(encode(request, model).body)) as object;

const actions = new Map<number, string>(Object.entries(ParameterAction).map(([name, value]) => [value, name]));

const notesOf = (request: Init, model?: string) =>
  Object.fromEntries(encode(request, model).notes.map(({ name, action }) => [name, actions.get(action)]));

const hi = { role: Role.USER, content: 'hi' };
const weather = {
  tool: { case: 'function' as const, value: { name: 'weather', parameters: '{"type":"object","2":0,"1":0}' } },
};
const call = { id: 'c1', name: 'weather', arguments: '{"2":0,"1":12345678901234567890}' };

test('the road: path, credential, framing', () => {
  expect(encode({ messages: [hi] }, 'gemini-2.5-flash', true)).toMatchObject({
    method: 'POST',
    path: '/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse',
    headers: { 'x-goog-api-key': 'secret', accept: 'text/event-stream', 'x-team': 'a' },
  });
  expect(bodyOf({ messages: [hi] })).toEqual({ contents: [{ role: 'user', parts: [{ text: 'hi' }] }] });
});

test.each([
  ['models/gemini-2.5-flash', '', '/v1beta/models/gemini-2.5-flash:generateContent'],
  ['tunedModels/mine', '/base', '/base/v1beta/tunedModels/mine:generateContent'],
  ['../x?y#z', '/v1', '/v1/models/..%2Fx%3Fy%23z:generateContent'],
])('%s under "%s" is %s', (model, basePath, path) => {
  expect(encode({ messages: [hi] }, model, false, basePath).path).toBe(path);
});

test('instructions, turns, calls and results', () => {
  const request = {
    messages: [
      { role: Role.SYSTEM, content: 'be brief' },
      hi,
      { role: Role.ASSISTANT, reasoningContent: 'hm', content: 'wait', toolCalls: [call] },
      { role: Role.TOOL, toolCallId: 'c1', content: '{"10":1,"2":12345678901234567890}' },
      { role: Role.TOOL, toolCallId: 'c1', content: 'rain' },
      { role: Role.TOOL, toolCallId: 'c1', content: 'down', isError: true },
    ],
  };
  expect(bodyOf(request)).toMatchObject({
    systemInstruction: { parts: [{ text: 'be brief' }] },
    contents: [
      { role: 'user', parts: [{ text: 'hi' }] },
      {
        role: 'model',
        parts: [{ text: 'hm', thought: true }, { text: 'wait' }, { functionCall: { id: 'c1', name: 'weather' } }],
      },
      {
        role: 'user',
        parts: [
          { functionResponse: { id: 'c1', name: 'weather' } },
          { functionResponse: { response: { output: 'rain' } } },
          { functionResponse: { response: { error: 'down' } } },
        ],
      },
    ],
  });
  const body = String(encode(request).body);
  expect(body).toContain('"args":{"2":0,"1":12345678901234567890}');
  expect(body).toContain('"response":{"10":1,"2":12345678901234567890}');
  expect(body).not.toContain('thoughtSignature');
  expect(notesOf(request)).toEqual({});
});

test('instructions alone are asked as the user’s', () => {
  const request = { messages: [{ role: Role.SYSTEM, content: 'say hi' }] };
  expect(bodyOf(request)).toEqual({ contents: [{ role: 'user', parts: [{ text: 'say hi' }] }] });
  expect(notesOf(request)).toEqual({ messages: 'MAPPED' });
});

test('ids that were made here are not told to the provider', () => {
  const made = { ...call, id: 'gemini_abc_0' };
  const body = bodyOf({
    messages: [
      { role: Role.ASSISTANT, toolCalls: [made] },
      { role: Role.TOOL, toolCallId: made.id, content: '1' },
    ],
  });
  expect(JSON.stringify(body)).not.toContain('gemini_abc');
  expect(body).toMatchObject({ contents: [{}, { parts: [{ functionResponse: { name: 'weather' } }] }] });
});

test('a call keeps its signature; Gemini 3 wants one with the first call of each turn', () => {
  const mark = { part: { case: 'toolCall' as const, value: { id: 'c1', signature: 'c2ln' } } };
  const signed = { role: Role.ASSISTANT, parts: [mark], toolCalls: [call] };
  const bare = { role: Role.ASSISTANT, toolCalls: [call, { ...call, id: 'c2' }] };
  const result = { role: Role.TOOL, toolCallId: 'c1', content: '1' };
  const request = { messages: [hi, signed, result, bare, result] };
  expect(bodyOf(request, 'gemini-3-pro-preview')).toMatchObject({
    contents: [
      {},
      { parts: [{ functionCall: { id: 'c1' }, thoughtSignature: 'c2ln' }] },
      {},
      { parts: [{ thoughtSignature: 'skip_thought_signature_validator' }, { functionCall: { id: 'c2' } }] },
      {},
    ],
  });
  expect(String(encode(request, 'gemini-3-pro-preview').body).match(/thoughtSignature/g)).toHaveLength(2);
  expect(notesOf(request, 'gemini-3-pro-preview')).toEqual({ messages: 'MAPPED' });
  expect(String(encode(request, 'gemini-2.5-pro').body).match(/thoughtSignature/g)).toHaveLength(1);
});

test('media: bytes, data URLs, URLs and files, each as its kind', () => {
  const part = (kind: string, value: object) => ({ part: { case: kind, value } as never });
  const png = new Uint8Array([0x89, 0x50, 0x4e, 0x47]);
  const body = bodyOf({
    messages: [
      {
        role: Role.USER,
        parts: [
          part('image', { source: { case: 'data', value: png }, signature: new Uint8Array([1]) }),
          part('image', { source: { case: 'url', value: 'data:image/webp;base64,AAAA' } }),
          part('image', { source: { case: 'url', value: 'https://e.example/a.PNG?x=1' } }),
          part('audio', { source: { case: 'data', value: png }, format: 'mp3' }),
          part('file', { source: { case: 'data', value: png }, mediaType: 'application/pdf' }),
          part('file', { source: { case: 'fileId', value: 'files/abc' } }),
          part('video', { source: { case: 'url', value: 'https://youtu.be/x' } }),
        ],
      },
    ],
  });
  expect(body).toEqual({
    contents: [
      {
        role: 'user',
        parts: [
          { inlineData: { mimeType: 'image/png', data: 'iVBORw==' }, thoughtSignature: 'AQ==' },
          { inlineData: { mimeType: 'image/webp', data: 'AAAA' } },
          { fileData: { mimeType: 'image/png', fileUri: 'https://e.example/a.PNG?x=1' } },
          { inlineData: { mimeType: 'audio/mp3', data: 'iVBORw==' } },
          { inlineData: { mimeType: 'application/pdf', data: 'iVBORw==' } },
          { fileData: { fileUri: 'https://generativelanguage.googleapis.com/v1beta/files/abc' } },
          { fileData: { mimeType: 'video/mp4', fileUri: 'https://youtu.be/x' } },
        ],
      },
    ],
  });
});

test('a result’s pictures stand in it from Gemini 3 on, beside it before', () => {
  const png = {
    part: {
      case: 'image' as const,
      value: { source: { case: 'data' as const, value: new Uint8Array([0x89, 0x50, 0x4e, 0x47]) } },
    },
  };
  const text = { part: { case: 'text' as const, value: { text: 'see' } } };
  const request = { messages: [{ role: Role.TOOL, name: 'look', toolCallId: 'c', parts: [text, png] }] };
  const inlineData = { mimeType: 'image/png', data: 'iVBORw==' };
  const response = { id: 'c', name: 'look', response: { output: 'see' } };
  expect(bodyOf(request, 'gemini-3-flash-preview')).toMatchObject({
    contents: [{ parts: [{ functionResponse: { ...response, parts: [{ inlineData }] } }] }],
  });
  expect(bodyOf(request)).toEqual({
    contents: [{ role: 'user', parts: [{ functionResponse: response }, { inlineData }] }],
  });
});

test('tools: functions with their schemas as written, the provider’s own beside', () => {
  const native = { tool: { case: 'native' as const, value: { provider: 'gemini', json: '{"googleSearch":{}}' } } };
  const foreign = { tool: { case: 'native' as const, value: { provider: 'openai', json: '{}' } } };
  const request = { messages: [hi], tools: [weather, native, foreign] };
  expect(String(encode(request).body)).toContain(
    '"tools":[{"functionDeclarations":[{"name":"weather","parametersJsonSchema":{"type":"object","2":0,"1":0}}]},{"googleSearch":{}}]',
  );
  expect(notesOf(request)).toEqual({ 'tools[2].native': 'DROPPED' });
});

test.each([
  [{ mode: ToolChoiceMode.AUTO }, { mode: 'AUTO' }],
  [{ mode: ToolChoiceMode.NONE }, { mode: 'NONE' }],
  [{ mode: ToolChoiceMode.REQUIRED }, { mode: 'ANY' }],
  [
    { mode: ToolChoiceMode.REQUIRED, name: 'weather' },
    { mode: 'ANY', allowedFunctionNames: ['weather'] },
  ],
  [
    { mode: ToolChoiceMode.REQUIRED, allowed: ['weather'] },
    { mode: 'ANY', allowedFunctionNames: ['weather'] },
  ],
])('tool choice %j', (toolChoice, functionCallingConfig) => {
  expect(bodyOf({ messages: [hi], tools: [weather], toolChoice })).toMatchObject({
    toolConfig: { functionCallingConfig },
  });
});

test('a free choice among some tools leaves the others out', () => {
  const other = { tool: { case: 'function' as const, value: { name: 'other' } } };
  const toolChoice = { mode: ToolChoiceMode.AUTO, allowed: ['weather'] };
  const body = String(encode({ messages: [hi], tools: [weather, other], toolChoice }).body);
  expect(body).not.toContain('other');
});

test('sampling, form and kinds of the answer', () => {
  expect(
    bodyOf({
      messages: [hi],
      temperature: 0.7,
      topP: 0.9,
      topK: 5,
      maxTokens: 10,
      maxCompletionTokens: 20,
      stop: ['x'],
      n: 2,
      seed: 7n,
      presencePenalty: 1,
      frequencyPenalty: 0.5,
      logprobs: true,
      topLogprobs: 3,
      modalities: ['text', 'image'],
      audio: { voice: 'Kore' },
      serviceTier: 'default',
      responseFormat: { format: { case: 'jsonSchema', value: { name: 'a', schema: '{"type":"object"}' } } },
    }),
  ).toMatchObject({
    serviceTier: 'standard',
    generationConfig: {
      temperature: 0.7,
      topP: 0.9,
      topK: 5,
      maxOutputTokens: 20,
      stopSequences: ['x'],
      candidateCount: 2,
      seed: 7,
      presencePenalty: 1,
      frequencyPenalty: 0.5,
      responseLogprobs: true,
      logprobs: 3,
      responseModalities: ['TEXT', 'IMAGE'],
      speechConfig: { voiceConfig: { prebuiltVoiceConfig: { voiceName: 'Kore' } } },
      responseMimeType: 'application/json',
      responseJsonSchema: { type: 'object' },
    },
  });
});

test.each([
  ['gemini-2.5-flash', { reasoningEffort: 'none' }, { thinkingBudget: 0 }, {}],
  ['gemini-2.5-pro', { reasoningEffort: 'none' }, { thinkingBudget: 128 }, { reasoning: 'MAPPED' }],
  [
    'gemini-2.5-flash',
    { reasoningEffort: 'medium' },
    { thinkingBudget: 8192, includeThoughts: true },
    { reasoning_effort: 'MAPPED' },
  ],
  [
    'gemini-2.5-flash',
    { reasoning: { maxTokens: 99, exclude: true } },
    { thinkingBudget: 99, includeThoughts: false },
    {},
  ],
  ['gemini-3-pro-preview', { reasoningEffort: 'low' }, { thinkingLevel: 'LOW', includeThoughts: true }, {}],
  [
    'gemini-3-pro-preview',
    { reasoningEffort: 'medium' },
    { thinkingLevel: 'HIGH', includeThoughts: true },
    { reasoning_effort: 'MAPPED' },
  ],
  ['gemini-3.1-pro-preview', { reasoningEffort: 'medium' }, { thinkingLevel: 'MEDIUM', includeThoughts: true }, {}],
  ['gemini-3-flash-preview', { reasoningEffort: 'minimal' }, { thinkingLevel: 'MINIMAL', includeThoughts: true }, {}],
  ['gemini-flash-latest', { reasoningEffort: 'none' }, { thinkingLevel: 'MINIMAL' }, { reasoning: 'MAPPED' }],
  ['gemini-2.5-flash', { reasoning: { enabled: true } }, { includeThoughts: true }, {}],
  ['gemini-2.0-flash', { reasoningEffort: 'high' }, undefined, { reasoning_effort: 'DROPPED' }],
])('%s thinks as %j asks', (model, asked, thinkingConfig, notes) => {
  const request = { messages: [hi], ...asked };
  expect((bodyOf(request, model) as { generationConfig?: object }).generationConfig).toEqual(
    thinkingConfig && { thinkingConfig },
  );
  expect(notesOf(request, model)).toEqual(notes);
});

test('what the provider has nothing like is told', () => {
  const request = {
    messages: [hi],
    logitBias: { '1': 1 },
    user: 'u',
    metadata: { a: 'b' },
    parallelToolCalls: false,
    verbosity: 'low',
    store: true,
    seed: 2n ** 40n,
  };
  expect(notesOf(request)).toEqual({
    logit_bias: 'DROPPED',
    user: 'DROPPED',
    metadata: 'DROPPED',
    parallel_tool_calls: 'DROPPED',
    verbosity: 'DROPPED',
    store: 'DROPPED',
    seed: 'MAPPED',
  });
});

test('extra reaches the body, but neither contents nor limits', () => {
  const request = {
    messages: [hi],
    maxTokens: 5,
    extra: {
      gemini:
        '{"safetySettings":[{"category":"c"}],"contents":[],"generationConfig":{"maxOutputTokens":9,"candidateCount":8,"enableEnhancedCivicAnswers":true}}',
    },
  };
  expect(bodyOf(request)).toEqual({
    contents: [{ role: 'user', parts: [{ text: 'hi' }] }],
    generationConfig: { maxOutputTokens: 5, enableEnhancedCivicAnswers: true },
    safetySettings: [{ category: 'c' }],
  });
  expect(Object.values(notesOf(request))).toEqual(['REFUSED', 'REFUSED', 'REFUSED']);
});

test('blocks of other providers and their reasoning are told, not sent', () => {
  const part = (kind: string, value: object) => ({ part: { case: kind, value } as never });
  const request = {
    messages: [
      {
        role: Role.ASSISTANT,
        parts: [
          part('reasoning', { redacted: 'x' }),
          part('native', { provider: 'anthropic', json: '{}' }),
          part('text', { text: 'hi' }),
        ],
        toolCalls: [{ id: 'f', name: 'write', arguments: 'free text', type: ToolCallType.CUSTOM }],
      },
    ],
  };
  expect(bodyOf(request)).toMatchObject({
    contents: [{ parts: [{ text: 'hi' }, { functionCall: { args: { input: 'free text' } } }] }],
  });
  expect(notesOf(request)).toEqual({
    'messages[0].parts[0].reasoning': 'DROPPED',
    'messages[0].parts[1].native': 'DROPPED',
    'messages[0].tool_calls[0].arguments': 'MAPPED',
  });
});
