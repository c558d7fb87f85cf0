import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, generateText, type LanguageModel, Output, stepCountIs, streamText, tool } from 'ai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { pixel } from '../support/pixel.ts';
import { type RecordingProvider, recordingProvider } from '../support/recording-provider.ts';

// The Vercel AI SDK's clients for OpenAI and for what is compatible with it, unmodified.

let gateway: TestGateway;
let provider: RecordingProvider;

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

const clients: readonly [name: string, model: (id: string) => LanguageModel][] = [
  ['@ai-sdk/openai', (id) => createOpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'sk-unused' }).chat(id)],
  [
    '@ai-sdk/openai-compatible',
    (id) =>
      createOpenAICompatible({
        name: 'llm-bridge',
        baseURL: `${gateway.url}/v1`,
        includeUsage: true,
        supportsStructuredOutputs: true,
      })(id),
  ],
];

const tools = {
  get_weather: tool({
    description: 'The weather in a city',
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => `sunny in ${city}`,
  }),
};

describe.each(clients)('%s', (_name, model) => {
  test('a chat, with usage', async () => {
    const { text, usage, finishReason } = await generateText({ model: model('sim/sim:echo'), prompt: 'one two three' });
    expect(text).toBe('one two three');
    expect(usage.outputTokens).toBe(3);
    expect(finishReason).toBe('stop');
  });

  test('a stream, with usage', async () => {
    const result = streamText({ model: model('sim/sim:echo'), prompt: 'one two three' });
    const pieces: string[] = [];
    for await (const piece of result.textStream) pieces.push(piece);
    expect(pieces.join('')).toBe('one two three');
    expect(pieces.length).toBeGreaterThan(1);
    expect((await result.usage).outputTokens).toBe(3);
    expect(await result.finishReason).toBe('stop');
  });

  test('a tool is called, run and answered', async () => {
    const { text, steps } = await generateText({
      model: model('sim/sim'),
      prompt: 'Use get_weather',
      tools,
      stopWhen: stepCountIs(3),
    });
    expect(steps[0]?.toolCalls).toMatchObject([{ toolName: 'get_weather', input: { city: 'Paris' } }]);
    expect(steps).toHaveLength(2);
    expect(text).toContain('sunny in Paris');
  });

  test('a streamed tool call, too', async () => {
    const result = streamText({
      model: model('sim/sim'),
      prompt: 'Use get_weather',
      tools,
      stopWhen: stepCountIs(3),
    });
    expect(await result.text).toContain('sunny in Paris');
    expect((await result.steps)[0]?.toolCalls).toMatchObject([{ toolName: 'get_weather', input: { city: 'Paris' } }]);
  });

  test('structured output', async () => {
    const schema = z.object({ city: z.string(), kind: z.enum(['capital']) });
    const { output } = await generateText({
      model: model('sim/sim'),
      prompt: 'Where?',
      output: Output.object({ schema }),
    });
    expect(output).toEqual({ city: 'Paris', kind: 'capital' });
  });

  test('a picture comes to the provider as it was sent', async () => {
    const content = [
      { type: 'text' as const, text: 'What is this?' },
      { type: 'file' as const, mediaType: 'image/png', data: pixel },
    ];
    const asked = (id: string) => generateText({ model: model(id), messages: [{ role: 'user', content }] });
    expect((await asked('up/m')).text).toBe('recorded');
    const { messages } = JSON.parse(provider.requests.at(-1)?.body ?? '') as { messages: { content: unknown }[] };
    expect(messages[0]?.content).toMatchObject([
      { type: 'text', text: 'What is this?' },
      { type: 'image_url', image_url: { url: pixel } },
    ]);
    expect((await asked('sim/sim')).text).not.toBe('');
  });

  test('an error has its status and its text', async () => {
    const failed = generateText({ model: model('no-such-model'), prompt: 'Hi', maxRetries: 0 });
    await expect(failed).rejects.toSatisfy((thrown) => APICallError.isInstance(thrown) && thrown.statusCode === 404);
    await expect(failed).rejects.toThrow(/no-such-model/);
  });
});

test('reasoning comes as reasoning', async () => {
  const [, compatible] = clients[1] ?? [];
  if (compatible === undefined) throw new Error('no client');
  const { reasoningText, text } = await generateText({
    model: compatible('sim/sim:echo,reasoning=4'),
    prompt: 'one two three',
  });
  expect(reasoningText).toBe('The user asked something,');
  expect(text).toBe('one two three');
});
