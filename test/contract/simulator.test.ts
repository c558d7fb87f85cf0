import { create } from '@bufbuild/protobuf';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  type ChatCompletionRequest,
  ChatCompletionRequestSchema,
  type ChatCompletionResponse,
  FinishReason,
} from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { type Message, MessageSchema, Role } from '../../gen/es/llmbridge/v1/content_pb.ts';
import { ToolChoiceMode, ToolSchema } from '../../gen/es/llmbridge/v1/tool_pb.ts';
import type { ProviderAdapter } from '../../src/kernel/adapter.ts';
import type { ResponseHeaders } from '../../src/kernel/upstream.ts';
import { createSimulatorUpstream } from '../../src/simulator/in-process.ts';
import { adapterFor, type SimulatedDialect, simulatedDialects } from '../support/simulated-dialects.ts';
import { chunksOf, collected, messageOf, user } from './dialect.ts';

// What the simulator writes in each dialect, read by the adapters that real providers' answers are checked with.

type Request = Partial<Omit<ChatCompletionRequest, '$typeName'>>;

interface Got {
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly body: Buffer;
  readonly whole: boolean;
}

const upstream = createSimulatorUpstream({ models: 'any' });

/** Asks the simulator in the dialect. */
function ask(dialect: SimulatedDialect, knobs: string, request: Request, stream: boolean): Promise<Got> {
  const model = knobs === '' ? dialect.model : `${dialect.model}:${knobs}`;
  const whole = create(ChatCompletionRequestSchema, { messages: [user('Hello there')], ...request });
  const encoded = adapterFor(dialect).encode({ request: whole, source: undefined, model, apiKey: 'key', stream });
  return new Promise((resolve) => {
    const parts: Uint8Array[] = [];
    let head = { status: 0, headers: {} as ResponseHeaders };
    const over = (complete: boolean) => resolve({ ...head, body: Buffer.concat(parts), whole: complete });
    upstream.send(encoded, {
      head: (status, headers) => {
        head = { status, headers };
      },
      data: (bytes) => void parts.push(bytes),
      end: () => over(true),
      error: () => over(false),
    });
  });
}

/** The answer, which has to be the same whole and streamed, however the stream is cut into pieces. */
async function answer(
  dialect: SimulatedDialect,
  knobs: string,
  request: Request = {},
): Promise<ChatCompletionResponse> {
  const adapter = adapterFor(dialect);
  const whole = await ask(dialect, knobs, request, false);
  expect(`${whole.status} ${whole.body}`).toMatch(/^200 /);
  const told = comparable(adapter.decode(whole.body));
  const streamed = await ask(dialect, knobs, request, true);
  for (const size of [1, 7, 4096]) expect(comparable(collected(adapter, streamed.body, size))).toEqual(told);
  return adapter.decode(whole.body);
}

/** Without what a stream leaves out, or tells another way than a whole answer does. */
function comparable(response: ChatCompletionResponse) {
  const { choices, usage, model } = response;
  return {
    model,
    usage: usage && { ...usage, extra: {} },
    choices: choices.map(({ index, message, finishReason, nativeFinishReason }) => ({
      index,
      finishReason,
      nativeFinishReason,
      content: message?.content,
      reasoning: message?.reasoningContent,
      refusal: message?.refusal,
      calls: message?.toolCalls.map(({ id, name, arguments: input }) => ({
        id,
        name,
        input: JSON.parse(input) as unknown,
      })),
    })),
  };
}

/** The same for all dialects. */
const essence = (response: ChatCompletionResponse) => {
  const { content, reasoningContent, toolCalls } = messageOf(response);
  return {
    content,
    reasoning: reasoningContent,
    calls: toolCalls.map(({ name, arguments: input }) => ({ name, input: JSON.parse(input) as unknown })),
    finish: response.choices[0]?.finishReason,
    prompt: response.usage?.promptTokens,
    completion: response.usage?.completionTokens,
    total: response.usage?.totalTokens,
  };
};

const tool = (name: string, property: string) =>
  create(ToolSchema, {
    tool: {
      case: 'function',
      value: {
        name,
        parameters: JSON.stringify({
          type: 'object',
          properties: { [property]: { type: 'string' } },
          required: [property],
        }),
      },
    },
  });
const tools = [tool('get_weather', 'city'), tool('get_time', 'zone')];

const toolResult = (id: string, content: string): Message =>
  create(MessageSchema, { role: Role.TOOL, toolCallId: id, content });

const schema = JSON.stringify({
  type: 'object',
  properties: { city: { type: 'string' }, count: { type: 'integer', minimum: 3, maximum: 3 } },
  required: ['city', 'count'],
  additionalProperties: false,
});

describe.each(simulatedDialects)('$name', (dialect) => {
  let adapter: ProviderAdapter;
  const lacks = (what: SimulatedDialect['lacks'][number]) => dialect.lacks.includes(what);
  beforeAll(() => {
    adapter = adapterFor(dialect);
  });

  test('text, counts and end are the same in every dialect', async () => {
    expect(essence(await answer(dialect, 'tokens=4,echo', { messages: [user('one two three four')] }))).toEqual({
      content: 'one two three four',
      reasoning: '',
      calls: [],
      finish: FinishReason.STOP,
      prompt: 8,
      completion: 4,
      total: 12,
    });
  });

  test('reasoning before the answer', async () => {
    const told = await answer(dialect, 'reasoning=5,tokens=4');
    expect(messageOf(told).reasoningContent.split(' ')).toHaveLength(5);
    expect(messageOf(told).content.split(' ')).toHaveLength(4);
    expect(told.usage).toMatchObject({ promptTokens: 6, completionTokens: 9, totalTokens: 15 });
    if (!lacks('reasoning count')) expect(told.usage?.completionTokensDetails?.reasoningTokens).toBe(5);
  });

  test('reasoning that the request asks for', async () => {
    const told = await answer(dialect, '', { reasoningEffort: 'low', maxTokens: 4_000 });
    expect(told.usage?.completionTokens).toBeGreaterThan(8);
  });

  test('calls of tools, and what a conversation says of them later', async () => {
    const asked = user('Use get_weather and get_time');
    const first = messageOf(await answer(dialect, 'reasoning=3', { messages: [asked], tools }));
    expect(
      first.toolCalls.map(({ name, arguments: input }) => [name, Object.keys(JSON.parse(input) as object)]),
    ).toEqual([
      ['get_weather', ['city']],
      ['get_time', ['zone']],
    ]);
    const results = first.toolCalls.map(({ id }, at) => toolResult(id, `result ${at}`));
    const later = await answer(dialect, '', { messages: [asked, first, ...results], tools });
    expect(later.choices[0]?.finishReason).toBe(FinishReason.STOP);
    expect(messageOf(later).content).toMatch(/The tool answered: .*result 1/);
  });

  test('a tool that must be called', async () => {
    if (lacks('tool choice')) return;
    const toolChoice = { mode: ToolChoiceMode.REQUIRED };
    const request = create(ChatCompletionRequestSchema, { messages: [user('Hi')], tools, toolChoice });
    const told = await answer(dialect, '', request);
    expect(messageOf(told).toolCalls.map(({ name }) => name)).toEqual(['get_weather']);
    expect(told.choices[0]?.finishReason).toBe(FinishReason.TOOL_CALLS);
  });

  test('an answer that fits a schema', async () => {
    const format = { format: { case: 'jsonSchema' as const, value: { name: 'place', schema } } };
    const request = create(ChatCompletionRequestSchema, { messages: [user('Hi')], responseFormat: format });
    const told = await answer(dialect, '', request);
    expect(JSON.parse(messageOf(told).content)).toEqual({ city: 'Paris', count: 3 });
  });

  test('limits, stop sequences and pictures', async () => {
    const cut = await answer(dialect, '', { maxTokens: 3 });
    expect(cut.choices[0]?.finishReason).toBe(FinishReason.LENGTH);
    expect(cut.usage?.completionTokens).toBe(3);
    if (!lacks('stop')) {
      const stopped = await answer(dialect, 'echo', { messages: [user('one two three')], stop: ['three'] });
      expect(essence(stopped)).toMatchObject({ content: 'one two ', finish: FinishReason.STOP });
    }
    const png = new Uint8Array(
      Buffer.from(
        'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
        'base64',
      ),
    );
    const picture = create(MessageSchema, {
      role: Role.USER,
      parts: [
        { part: { case: 'text', value: { text: 'What is it?' } } },
        { part: { case: 'image', value: { source: { case: 'data', value: png }, mediaType: 'image/png' } } },
      ],
    });
    expect((await answer(dialect, '', { messages: [picture] })).usage?.promptTokens).toBe(3 + 4 + 85);
  });

  test('tokens out of a cache', async () => {
    if (lacks('cached')) return;
    const told = await answer(dialect, 'cached=4,tokens=2');
    expect(told.usage).toMatchObject({
      promptTokens: 6,
      completionTokens: 2,
      promptTokensDetails: { cachedTokens: 4 },
    });
  });

  const faultOf = async (knobs: string, stream: boolean) => {
    const { status, headers, body } = await ask(dialect, knobs, {}, stream);
    if (status !== 200) return adapter.fault({ status, headers, body, now: Date.now() });
    try {
      if (stream) collected(adapter, body, 4096);
      else adapter.decode(body);
    } catch (fault) {
      return fault;
    }
    throw new Error(`no fault: ${body}`);
  };

  test.each([
    ['401', 'PROVIDER_CREDENTIAL', 'credential'],
    ['403', 'PROVIDER_CREDENTIAL', 'credential'],
    ['404', 'MODEL_NOT_FOUND', 'target'],
    ['422', 'PROVIDER_REJECTED', 'caller'],
    ['429', 'PROVIDER_RATE_LIMITED', 'limit'],
    ['500', 'PROVIDER_UNAVAILABLE', 'provider'],
    ['503', 'PROVIDER_UNAVAILABLE', 'provider'],
    ['529', 'PROVIDER_UNAVAILABLE', 'provider'],
    ['context', 'CONTEXT_LENGTH_EXCEEDED', 'context'],
  ])('fault=%s is %s', async (fault, reason, blame) => {
    const expected = { reason, detail: expect.objectContaining({ blame }) as unknown };
    expect(await faultOf(`fault=${fault}`, false)).toMatchObject(expected);
    expect(await faultOf(`fault=${fault}`, true)).toMatchObject(expected);
  });

  test('when to come back', async () => {
    expect(await faultOf('fault=429,retry_after=7', false)).toMatchObject({ detail: { retryAfterMs: 7_000 } });
  });

  test('a stream cut after any chunk is no whole answer', async () => {
    for (let at = 1; at <= 8; at++) {
      const { body } = await ask(dialect, `reasoning=3,tokens=5,cut=${at}`, {}, true);
      expect(() => chunksOf(adapter, body, 7)).toThrow(expect.objectContaining({ reason: 'PROVIDER_STREAM_CUT' }));
    }
    expect((await ask(dialect, 'cut=2', {}, false)).whole).toBe(false);
  });

  test('events that break off, errors amid a stream, and a stream without its end', async () => {
    expect(await faultOf('tokens=5,malformed=2', true)).toMatchObject({ reason: 'PROVIDER_MALFORMED' });
    expect(await faultOf('tokens=5,malformed=2', false)).toMatchObject({ reason: 'PROVIDER_MALFORMED' });
    expect(await faultOf('tokens=5,fault=500,fault_after=2', true)).toMatchObject({ reason: 'PROVIDER_UNAVAILABLE' });
    if (!lacks('end mark')) {
      expect(await faultOf('tokens=5,no_done', true)).toMatchObject({ reason: 'PROVIDER_STREAM_CUT' });
    }
  });

  test('whatever else the simulator is told', async () => {
    if (!lacks('content filter')) {
      const stopped = await answer(dialect, 'tokens=3,finish=content_filter');
      expect(stopped.choices[0]?.finishReason).toBe(FinishReason.CONTENT_FILTER);
    }
    const { status, body } = await ask(dialect, 'bogus=1', {}, false);
    expect(`${status} ${body}`).toMatch(/^400 .*no knob/);
  });

  test('chunks collect to the parts of the whole answer', async () => {
    if (lacks('equal parts')) return;
    const whole = adapter.decode((await ask(dialect, 'reasoning=3,tokens=3', {}, false)).body);
    const streamed = collected(adapter, (await ask(dialect, 'reasoning=3,tokens=3', {}, true)).body, 4096);
    expect(messageOf(streamed)).toEqual(messageOf(whole));
  });
});
