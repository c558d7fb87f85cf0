import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { pixel } from '../support/pixel.ts';

// The official OpenAI SDK for Node.js, unmodified, beyond plain answers.

let gateway: TestGateway;
let client: OpenAI;
const model = 'sim/sim';
const hello = [{ role: 'user' as const, content: 'Hello' }];

beforeAll(async () => {
  gateway = await startGateway('providers: { sim: { type: simulator, models: [sim] } }');
  client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'sk-unused', maxRetries: 0 });
});
afterAll(() => gateway.stop());

const weather: OpenAI.ChatCompletionTool = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather in a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};

test('a tool is called, answered, and the conversation goes on', async () => {
  const first = await client.chat.completions.create({
    model,
    messages: hello,
    tools: [weather],
    tool_choice: 'required',
  });
  const message = first.choices[0]?.message;
  const call = message?.tool_calls?.[0];
  expect(first.choices[0]?.finish_reason).toBe('tool_calls');
  if (message === undefined || call?.type !== 'function') throw new Error('no function was called');
  expect(call.function.name).toBe('get_weather');
  expect(JSON.parse(call.function.arguments)).toHaveProperty('city');
  const second = await client.chat.completions.create({
    model,
    tools: [weather],
    messages: [...hello, message, { role: 'tool', tool_call_id: call.id, content: '{"degrees":21}' }],
  });
  expect(second.choices[0]?.message.content).toBeTruthy();
});

test("the SDK's own helper puts a streamed tool call together", async () => {
  const runner = client.chat.completions.stream({ model, messages: hello, tools: [weather], tool_choice: 'required' });
  const final = await runner.finalChatCompletion();
  const call = final.choices[0]?.message.tool_calls?.[0];
  expect(final.choices[0]?.finish_reason).toBe('tool_calls');
  expect(call?.type === 'function' && JSON.parse(call.function.arguments)).toHaveProperty('city');
});

test('structured output fits its schema', async () => {
  const schema = {
    type: 'object',
    properties: { name: { type: 'string' }, age: { type: 'integer' } },
    required: ['name', 'age'],
    additionalProperties: false,
  };
  const reply = await client.chat.completions.create({
    model,
    messages: hello,
    response_format: { type: 'json_schema', json_schema: { name: 'person', strict: true, schema } },
  });
  const person = JSON.parse(reply.choices[0]?.message.content ?? '') as { name: unknown; age: unknown };
  expect(person).toEqual({ name: expect.any(String), age: expect.any(Number) });
});

test('several answers, log probabilities, stop sequences, a seed', async () => {
  const reply = await client.chat.completions.create({
    model,
    messages: hello,
    n: 2,
    logprobs: true,
    top_logprobs: 2,
    max_tokens: 5,
    seed: 7,
  });
  expect(reply.choices.map(({ index }) => index)).toEqual([0, 1]);
  expect(reply.choices[0]?.logprobs?.content?.[0]?.top_logprobs).toHaveLength(2);
});

test('a stream has one usage chunk only when it was asked for', async () => {
  const seen = async (include: boolean) => {
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    const stream = await client.chat.completions.create({
      model,
      messages: hello,
      max_tokens: 5,
      stream: true,
      ...(include && { stream_options: { include_usage: true } }),
    });
    for await (const chunk of stream) chunks.push(chunk);
    return chunks;
  };
  expect((await seen(true)).filter(({ usage }) => usage)).toHaveLength(1);
  expect((await seen(false)).filter(({ usage }) => usage)).toHaveLength(0);
});

test('models are listed and retrieved, slashes and all', async () => {
  const ids: string[] = [];
  for await (const entry of client.models.list()) ids.push(entry.id);
  expect(ids).toContain(model);
  expect((await client.models.retrieve(model)).id).toBe(model);
});

test.each([
  ['NotFoundError', 'no-such-model', 404, 'model_not_found'],
  ['RateLimitError', 'sim/sim:fault=429', 429, 'provider_rate_limit_exceeded'],
  ['InternalServerError', 'sim/sim:fault=500', 503, 'provider_unavailable'],
  ['BadRequestError', 'sim/sim:fault=context', 400, 'context_length_exceeded'],
] as const)('%s of the SDK', async (name, asked, status, code) => {
  const call = client.chat.completions.create({ model: asked, messages: hello });
  await expect(call).rejects.toBeInstanceOf(OpenAI[name]);
  await expect(call).rejects.toMatchObject({ status, code });
});

test('a stream that is cut rejects in the SDK', async () => {
  const stream = await client.chat.completions.create({
    model: 'sim/sim:tokens=20,cut=4',
    messages: hello,
    stream: true,
  });
  const drain = async () => {
    for await (const _ of stream);
  };
  await expect(drain()).rejects.toThrow(OpenAI.APIError);
});

test('a picture is taken, and the schema of a parsed answer with it', async () => {
  const reply = await client.chat.completions.parse({
    model,
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Where is this?' },
          { type: 'image_url', image_url: { url: pixel, detail: 'low' } },
        ],
      },
    ],
    response_format: zodResponseFormat(z.object({ city: z.string() }), 'place'),
  });
  expect(reply.choices[0]?.message.parsed).toEqual({ city: 'Paris' });
});
