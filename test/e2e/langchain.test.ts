import { AIMessageChunk, HumanMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { pixel } from '../support/pixel.ts';
import { type RecordingProvider, recordingProvider } from '../support/recording-provider.ts';

// LangChain's client for OpenAI, unmodified.

let gateway: TestGateway;
let provider: RecordingProvider;
const client = (model: string) =>
  new ChatOpenAI({ model, apiKey: 'sk-unused', maxRetries: 0, configuration: { baseURL: `${gateway.url}/v1` } });

beforeAll(async () => {
  provider = await recordingProvider();
  gateway = await startGateway(`
providers:
  sim: { type: simulator, models: [sim] }
  up: { type: openai-compatible, base_url: "${provider.baseUrl}" }
`);
});
afterAll(async () => {
  await gateway.stop();
  await provider.close();
});

const weather = tool(({ city }) => `sunny in ${city}`, {
  name: 'get_weather',
  description: 'The weather in a city',
  schema: z.object({ city: z.string() }),
});

test('a chat, with usage', async () => {
  const reply = await client('sim/sim:echo').invoke('one two three');
  expect(reply.text).toBe('one two three');
  expect(reply.usage_metadata).toMatchObject({ output_tokens: 3 });
  expect(reply.response_metadata).toMatchObject({ finish_reason: 'stop' });
});

test('a stream, with usage', async () => {
  let whole = new AIMessageChunk('');
  let pieces = 0;
  for await (const chunk of await client('sim/sim:echo').stream('one two three')) {
    whole = whole.concat(chunk);
    if (chunk.text !== '') pieces++;
  }
  expect(whole.text).toBe('one two three');
  expect(pieces).toBeGreaterThan(1);
  expect(whole.usage_metadata).toMatchObject({ output_tokens: 3 });
});

test.each([false, true])('a tool is called and answered (streamed: %s)', async (streaming) => {
  const bound = client('sim/sim').bindTools([weather]);
  const question = new HumanMessage('Use get_weather');
  let first = await (streaming ? undefined : bound.invoke([question]));
  if (first === undefined) {
    let gathered = new AIMessageChunk('');
    for await (const chunk of await bound.stream([question])) gathered = gathered.concat(chunk);
    first = gathered;
  }
  const [call] = first.tool_calls ?? [];
  if (call?.id === undefined) throw new Error('no tool was called');
  expect(call).toMatchObject({ name: 'get_weather', args: { city: 'Paris' } });
  const told = new ToolMessage({ content: await weather.invoke({ city: 'Paris' }), tool_call_id: call.id });
  const second = await bound.invoke([question, first, told]);
  expect(second.text).toContain('sunny in Paris');
});

test.each(['jsonSchema', 'functionCalling'] as const)('structured output by %s', async (method) => {
  const place = z.object({ city: z.string(), kind: z.enum(['capital']) });
  const answer = await client('sim/sim').withStructuredOutput(place, { name: 'place', method }).invoke('Where?');
  expect(answer).toEqual({ city: 'Paris', kind: 'capital' });
});

test('a picture comes to the provider as it was sent', async () => {
  const image = { type: 'image_url', image_url: { url: pixel, detail: 'low' } };
  const question = new HumanMessage({ content: [{ type: 'text', text: 'What is this?' }, image] });
  expect((await client('up/m').invoke([question])).text).toBe('recorded');
  const { messages } = JSON.parse(provider.requests.at(-1)?.body ?? '') as { messages: { content: unknown }[] };
  expect(messages[0]?.content).toEqual([{ type: 'text', text: 'What is this?' }, image]);
  expect((await client('sim/sim').invoke([question])).text).not.toBe('');
});

test('an error has its status', async () => {
  await expect(client('no-such-model').invoke('Hi')).rejects.toMatchObject({ status: 404 });
  await expect(client('sim/sim:fault=429').invoke('Hi')).rejects.toMatchObject({ status: 429 });
});
