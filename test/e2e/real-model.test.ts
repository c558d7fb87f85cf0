import { promisify } from 'node:util';
import { credentials, type ServiceError } from '@grpc/grpc-js';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  ChatCompletionRequest,
  type ChatCompletionResponse,
  ChatServiceClient,
  ResponseFormat,
  type StreamChatCompletionResponse,
} from '../../gen/ts-proto/llmbridge/v1/chat_service.ts';
import { Role } from '../../gen/ts-proto/llmbridge/v1/content.ts';
import { failureOf } from '../clients/grpc-status.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { type Llama, startLlama } from '../support/llama.ts';
import { suite } from '../support/parts.ts';

// What only a real model server shows: its tokenizer's counts, its sampler under a grammar, its own errors.

const model = 'llama/tiny-random';
const schema = {
  type: 'object',
  properties: { city: { type: 'string', maxLength: 12 }, kind: { enum: ['town', 'village'] } },
  required: ['city', 'kind'],
  additionalProperties: false,
};

/** Other entries of the OpenAI family that a server of this kind may stand behind. */
const entries = ['llama.cpp', 'vllm', 'lm-studio', 'localai', 'huggingface'];

suite("a real model server's own ways", ['python'], () => {
  let llama: Llama;
  let gateway: TestGateway;
  let sdk: OpenAI;
  let grpc: ChatServiceClient;

  beforeAll(async () => {
    llama = await startLlama();
    gateway = await startGateway(`
providers:
  llama: { type: openai-compatible, base_url: "${llama.baseUrl}" }
${entries.map((type) => `  ${type}: { type: ${type}, base_url: "${llama.baseUrl}", api_keys: [unused] }`).join('\n')}`);
    sdk = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'sk-unused', maxRetries: 0 });
    grpc = new ChatServiceClient(`127.0.0.1:${gateway.port}`, credentials.createInsecure());
  });
  afterAll(async () => {
    grpc?.close();
    await gateway?.stop();
    await llama?.stop();
  });

  const chat = (request: ChatCompletionRequest) =>
    promisify<ChatCompletionRequest, ChatCompletionResponse>(grpc.chatCompletion.bind(grpc))(request);
  const asking = (content: string, maxTokens: number) =>
    ChatCompletionRequest.fromPartial({ model, maxTokens, messages: [{ role: Role.ROLE_USER, content }] });
  const question = 'Name a place.';

  test.each(entries)('it answers behind the entry %s, whole and streamed', async (type) => {
    const named = { ...asking(question, 12), model: 'tiny-random', provider: type };
    const reply = await chat(ChatCompletionRequest.fromPartial(named));
    expect(reply.report).toMatchObject({ provider: type });
    expect(reply.usage?.completionTokens).toBeGreaterThan(0);
    const stream = await sdk.chat.completions.create({
      model: `${type}/tiny-random`,
      messages: [{ role: 'user', content: question }],
      max_tokens: 12,
      stream: true,
      stream_options: { include_usage: true },
    });
    let finish: string | null = null;
    let tokens = 0;
    for await (const chunk of stream) {
      finish = chunk.choices[0]?.finish_reason ?? finish;
      tokens = chunk.usage?.completion_tokens ?? tokens;
    }
    expect(finish).toMatch(/^(stop|length)$/);
    expect(tokens).toBeGreaterThan(0);
  });

  test('a JSON schema over gRPC becomes the grammar that it samples by', async () => {
    const format = ResponseFormat.fromPartial({ jsonSchema: { name: 'place', schema: JSON.stringify(schema) } });
    const reply = await chat({ ...asking(question, 400), responseFormat: format });
    const [choice] = reply.choices;
    expect(JSON.parse(choice?.message?.content ?? '')).toEqual({
      city: expect.any(String),
      kind: expect.stringMatching(/^(town|village)$/),
    });
  });

  test('a JSON schema through the SDK, streamed', async () => {
    const stream = sdk.chat.completions.stream({
      model,
      messages: [{ role: 'user', content: 'Name a place.' }],
      max_tokens: 400,
      response_format: { type: 'json_schema', json_schema: { name: 'place', strict: true, schema } },
    });
    const text = await stream.finalContent();
    expect(JSON.parse(text ?? '')).toHaveProperty('kind');
  });

  test('its own tokenizer counts: a longer prompt is more tokens, cached ones are told apart', async () => {
    const short = await chat(asking(question, 1));
    const long = await chat(asking(question.repeat(3), 1));
    expect(long.usage?.promptTokens).toBeGreaterThan(short.usage?.promptTokens ?? Number.POSITIVE_INFINITY);
    expect(long.usage?.completionTokens).toBe(1);
    expect(long.usage?.promptTokensDetails?.cachedTokens).toBeGreaterThan(0);
  });

  test('a thousand tokens stream without a loss', async () => {
    const request = asking(question, 1000);
    let pieces = 0;
    let usage: number | undefined;
    for await (const chunk of grpc.streamChatCompletion(request) as AsyncIterable<StreamChatCompletionResponse>) {
      pieces += chunk.choices.filter(({ delta }) => delta?.content).length;
      usage = chunk.usage?.completionTokens ?? usage;
    }
    expect(usage).toBe(1000);
    // Bytes of one character may come as several tokens and one piece.
    expect(pieces).toBeGreaterThan(700);
  });

  test('what it says beyond the contract is not lost', async () => {
    const reply = await chat(asking(question, 2));
    expect(JSON.parse(reply.extra['openai-compatible'] ?? '{}')).toHaveProperty('timings');
  });

  test('its refusal of a prompt that is too long is the typed one', async () => {
    const error = await chat(asking('word '.repeat(9_000), 1)).catch((thrown: ServiceError) => thrown);
    expect(failureOf(error as ServiceError)).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'CONTEXT_LENGTH_EXCEEDED',
    });
  });
});
