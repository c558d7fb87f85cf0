import { expect, test } from 'vitest';
import { createSimulatorUpstream } from '../in-process.ts';
import { type Answered, post, sseOf } from '../testing/post.ts';

// Answers held against the shapes that the providers document; what the values mean is checked with the adapters.

const upstream = createSimulatorUpstream();
const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const ask = (path: string, body: object): Promise<Answered> => post(upstream, path, body);
const namesOf = ({ text }: Answered): string[] => sseOf(text).map(({ name }) => name);
const any = expect.anything() as unknown;

const model = 'sim:echo,reasoning=1,cached=2';
const messages = [{ role: 'user', content: 'Hello' }];
const call = 'Call get_weather';

test('Anthropic: a message, its events, its errors', async () => {
  const body = { model, max_tokens: 50, messages, system: 'Be brief.' };
  expect((await ask('/v1/messages', body)).json).toEqual({
    id: expect.stringMatching(/^msg_/) as unknown,
    type: 'message',
    role: 'assistant',
    model,
    content: [
      { type: 'thinking', thinking: 'The', signature: any },
      { type: 'text', text: 'Hello' },
    ],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: {
      input_tokens: 9,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 2,
      output_tokens: 2,
      output_tokens_details: { thinking_tokens: 1 },
      service_tier: 'standard',
    },
  });
  const stream = await ask('/v1/messages', { ...body, stream: true });
  expect(stream.headers['content-type']).toBe('text/event-stream; charset=utf-8');
  expect(namesOf(stream)).toEqual([
    'message_start',
    'content_block_start',
    'ping',
    'content_block_delta',
    'content_block_delta',
    'content_block_stop',
    'content_block_start',
    'content_block_delta',
    'content_block_stop',
    'message_delta',
    'message_stop',
  ]);
  const overloaded = await ask('/v1/messages', { ...body, model: 'sim:fault=529,retry_after=3' });
  expect(overloaded.status).toBe(529);
  expect(overloaded.headers['retry-after']).toBe('3');
  expect(overloaded.json).toMatchObject({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } });
  const late = await ask('/v1/messages', { ...body, stream: true, model: 'sim:fault=529,fault_after=2' });
  expect(sseOf(late.text).at(-1)).toEqual({
    name: 'error',
    data: { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } },
  });
});

test('Anthropic: what the API refuses', async () => {
  const refusal = async (body: object) => {
    const answer = await ask('/v1/messages', { model: 'sim', max_tokens: 2_000, messages, ...body });
    return `${answer.status} ${(answer.json as { error?: { message: string } }).error?.message}`;
  };
  expect(await refusal({ max_tokens: undefined })).toBe('400 max_tokens: Field required');
  expect(await refusal({ messages: [{ role: 'system', content: 'x' }] })).toMatch(/^400 messages.0.role/);
  expect(await refusal({ thinking: { type: 'enabled', budget_tokens: 2_000 } })).toMatch(/^400 `max_tokens` must be/);
  const tool = { type: 'tool', name: 'get_weather' };
  expect(await refusal({ thinking: { type: 'adaptive' }, tool_choice: tool })).toMatch(/^400 Thinking may not/);
  const thinking = { type: 'thinking', thinking: 'Hm', signature: 'forged' };
  const said = [...messages, { role: 'assistant', content: [thinking] }, ...messages];
  expect(await refusal({ messages: said })).toMatch(/^400 .*Invalid `signature`/);
  const result = { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'x' }] };
  expect(await refusal({ messages: [...messages, result] })).toMatch(/^400 .*no tool call in the previous message/);
  const used = { role: 'assistant', content: [{ type: 'tool_use', id: 'toolu_1', name: 'x', input: {} }] };
  expect(await refusal({ messages: [...messages, used, ...messages] })).toMatch(/^400 .*no tool result in the next/);
  expect(await refusal({ messages: [...messages, used, result] })).toMatch(/^200/);
});

test('Gemini: candidates, their parts, errors with RetryInfo', async () => {
  const path = `/v1beta/models/${encodeURIComponent(model)}`;
  const contents = [{ role: 'user', parts: [{ text: 'Hello' }] }];
  expect((await ask(`${path}:generateContent`, { contents })).json).toEqual({
    candidates: [
      {
        content: {
          parts: [
            { text: 'The', thought: true },
            { text: 'Hello', thoughtSignature: any },
          ],
          role: 'model',
        },
        finishReason: 'STOP',
        index: 0,
      },
    ],
    usageMetadata: {
      promptTokenCount: 5,
      candidatesTokenCount: 1,
      totalTokenCount: 7,
      promptTokensDetails: [{ modality: 'TEXT', tokenCount: 5 }],
      cachedContentTokenCount: 2,
      cacheTokensDetails: [{ modality: 'TEXT', tokenCount: 2 }],
      thoughtsTokenCount: 1,
    },
    modelVersion: model,
    responseId: any,
  });
  const called = await ask('/v1beta/models/sim:streamGenerateContent?alt=sse', {
    contents: [{ role: 'user', parts: [{ text: call }] }],
    tools: [{ functionDeclarations: [{ name: 'get_weather', parameters: { ...parameters, type: 'OBJECT' } }] }],
  });
  expect(called.headers['content-type']).toBe('text/event-stream');
  expect(sseOf(called.text).map(({ data }) => data)).toMatchObject([
    { candidates: [{ content: { parts: [{ functionCall: { name: 'get_weather', args: { city: 'Paris' } } }] } }] },
    { candidates: [{ finishReason: 'STOP', finishMessage: any }] },
  ]);
  const limited = await ask('/v1beta/models/sim:fault=429,retry_after=7:generateContent', { contents });
  expect(limited.json).toMatchObject({
    error: {
      code: 429,
      status: 'RESOURCE_EXHAUSTED',
      details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '7s' }],
    },
  });
  const blocked = await ask('/v1beta/models/sim:fault=content:generateContent', { contents });
  expect(blocked).toMatchObject({ status: 200, json: { promptFeedback: { blockReason: 'PROHIBITED_CONTENT' } } });
  const filtered = await ask('/v1beta/models/sim:finish=content_filter:generateContent', { contents });
  expect(filtered.json).toMatchObject({ candidates: [{ finishReason: 'SAFETY', safetyRatings: [{ blocked: true }] }] });
});

test('Bedrock: Converse, and the names of its exceptions', async () => {
  const converse = (name: string) => `/model/${encodeURIComponent(name)}/converse`;
  const body = { messages: [{ role: 'user', content: [{ text: 'Hello' }] }] };
  expect((await ask(converse(`us.anthropic.${model}`), body)).json).toEqual({
    metrics: { latencyMs: any },
    output: {
      message: {
        role: 'assistant',
        content: [{ reasoningContent: { reasoningText: { text: 'The', signature: any } } }, { text: 'Hello' }],
      },
    },
    stopReason: 'end_turn',
    usage: { inputTokens: 3, outputTokens: 2, totalTokens: 7, cacheReadInputTokens: 2, cacheWriteInputTokens: 0 },
  });
  const stream = await ask(`${converse('sim:tokens=1')}-stream`, body);
  expect(stream.headers['content-type']).toBe('application/vnd.amazon.eventstream');
  expect([...stream.text.matchAll(/:event-type[^a-zA-Z]+([a-zA-Z]+)/g)].map(([, name]) => name)).toEqual([
    'messageStart',
    'contentBlockDelta',
    'contentBlockStop',
    'messageStop',
    'metadata',
  ]);
  const throttled = await ask(converse('sim:fault=429'), body);
  expect(throttled.headers['x-amzn-errortype']).toMatch(/^ThrottlingException:/);
  expect(throttled.json).toEqual({ message: any });
  const late = await ask(`${converse('sim:fault=503,fault_after=1')}-stream`, body);
  expect(late.text).toContain('serviceUnavailableException');
});

test('Cohere: a chat, its events, its errors', async () => {
  expect((await ask('/v2/chat', { model, messages })).json).toEqual({
    id: any,
    message: {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'The' },
        { type: 'text', text: 'Hello' },
      ],
    },
    finish_reason: 'COMPLETE',
    usage: {
      billed_units: { input_tokens: 5, output_tokens: 2 },
      tokens: { input_tokens: 5, output_tokens: 2, reasoning_tokens: 1 },
      cached_tokens: 2,
    },
  });
  const called = await ask('/v2/chat', {
    model: 'sim',
    messages: [{ role: 'user', content: call }],
    tools: [{ type: 'function', function: { name: 'get_weather', parameters } }],
    stream: true,
  });
  expect(namesOf(called)).toEqual([
    'message-start',
    'tool-call-start',
    'tool-call-delta',
    'tool-call-delta',
    'tool-call-end',
    'message-end',
  ]);
  expect(sseOf(called.text)[1]?.data).toMatchObject({
    index: 0,
    delta: { message: { tool_calls: { type: 'function', function: { name: 'get_weather', arguments: '' } } } },
  });
  expect(await ask('/v2/chat', { model: 'sim:fault=500', messages })).toMatchObject({
    status: 500,
    json: { id: any, message: any },
  });
});

test('Ollama: a chat, which streams unless told otherwise', async () => {
  const body = { model, messages, stream: false };
  expect((await ask('/api/chat', body)).json).toMatchObject({
    model,
    created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as unknown,
    message: { role: 'assistant', content: 'Hello', thinking: 'The' },
    done: true,
    done_reason: 'stop',
    prompt_eval_count: 5,
    eval_count: 2,
  });
  const stream = await ask('/api/chat', { model, messages });
  expect(stream.headers['content-type']).toBe('application/x-ndjson');
  const lines = stream.text.trim().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { done: boolean }).done)).toEqual([false, false, true]);
  expect(await ask('/api/chat', { model: 'nobody', messages })).toMatchObject({ status: 404, json: { error: any } });
  const late = await ask('/api/chat', { model: 'sim:fault=500,fault_after=1', messages });
  expect(JSON.parse(late.text.trim().split('\n').at(-1) ?? '')).toEqual({ error: any });
});

test('a stop sequence that ended the answer, in each dialect’s word', async () => {
  const asked = { model: 'sim:echo', messages: [{ role: 'user', content: 'one two three' }] };
  const anthropic = await ask('/v1/messages', { ...asked, max_tokens: 9, stop_sequences: ['x', 'three'] });
  expect(anthropic.json).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: 'three' });
  const cohere = await ask('/v2/chat', { ...asked, stop_sequences: ['three'] });
  expect(cohere.json).toMatchObject({ finish_reason: 'STOP_SEQUENCE' });
  const bedrock = await ask('/model/sim:echo/converse', {
    messages: [{ role: 'user', content: [{ text: 'one two three' }] }],
    inferenceConfig: { stopSequences: ['three'] },
  });
  expect(bedrock.json).toMatchObject({
    stopReason: 'stop_sequence',
    output: { message: { content: [{ text: 'one two ' }] } },
  });
});

test('Gemini gives several candidates, and reasoning untold where it was not asked for', async () => {
  const contents = [{ role: 'user', parts: [{ text: 'Hello' }] }];
  const path = '/v1beta/models/sim:reasoning=4,tokens=2';
  const generationConfig = { candidateCount: 2, thinkingConfig: { includeThoughts: false } };
  const whole = await ask(`${path}:generateContent`, { contents, generationConfig });
  const parts = [{ text: any, thoughtSignature: any }];
  expect(whole.json).toMatchObject({
    candidates: [
      { index: 0, content: { parts } },
      { index: 1, content: { parts } },
    ],
    usageMetadata: { candidatesTokenCount: 4, thoughtsTokenCount: 8 },
  });
  const stream = await ask(`${path}:streamGenerateContent?alt=sse`, { contents, generationConfig });
  const indexes = sseOf(stream.text).map(
    ({ data }) => (data as { candidates: { index: number }[] }).candidates[0]?.index,
  );
  expect(indexes).toEqual([0, 0, 0, 1, 1, 1]);
  expect((await ask(`${path}:streamGenerateContent`, { contents })).status).toBe(400);
});
