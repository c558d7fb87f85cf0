import { credentials, Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ChatCompletionRequest, ChatServiceClient } from '../../gen/ts-proto/llmbridge/v1/chat_service.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { type RecordingProvider, recordingProvider } from '../support/recording-provider.ts';

// What passes beside the messages: who answered, what became of the parameters, and headers both ways.

type Headers = Readonly<Record<string, string>>;

interface Asked {
  readonly model: string;
  readonly topK?: number;
  readonly headers?: Headers;
}
/** Asks, and gives what stands beside the answer, or beside the error. */
type Ask = (port: number, asked: Asked) => Promise<Headers>;

const json =
  (stream: boolean): Ask =>
  async (port, { model, topK, headers }) => {
    const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ model, stream, top_k: topK, messages: [{ role: 'user', content: 'Hello' }] }),
    });
    await response.text();
    return Object.fromEntries(response.headers);
  };

const grpc =
  (stream: boolean): Ask =>
  (port, { model, topK, headers }) =>
    new Promise((resolve) => {
      const client = new ChatServiceClient(`127.0.0.1:${port}`, credentials.createInsecure());
      const metadata = new Metadata();
      for (const [name, value] of Object.entries(headers ?? {})) metadata.set(name, value);
      const request = ChatCompletionRequest.fromPartial({
        model,
        ...(topK !== undefined && { topK }),
        messages: [{ role: 3, content: 'Hello' }],
      });
      const call = stream
        ? client.streamChatCompletion(request, metadata).resume()
        : client.chatCompletion(request, metadata, () => {});
      const told: Record<string, string> = {};
      const add = (from: Metadata) => Object.assign(told, from.getMap());
      call.on('error', () => {});
      call.on('metadata', add);
      call.on('status', ({ metadata }: { metadata: Metadata }) => {
        add(metadata);
        client.close();
        resolve(told);
      });
    });

const surfaces: readonly [name: string, ask: Ask][] = [
  ['JSON', json(false)],
  ['SSE', json(true)],
  ['gRPC', grpc(false)],
  ['gRPC stream', grpc(true)],
];

let provider: RecordingProvider;
let failing: RecordingProvider;
let gateway: TestGateway;

beforeAll(async () => {
  provider = await recordingProvider({
    headers: {
      'x-request-id': 'req-7',
      'x-ratelimit-remaining-requests': '41',
      'some-ratelimit-tokens-reset': 'soon',
      'x-time-spent': '12',
      'x-not-listed': 'kept back',
      'set-cookie': 'a=b',
    },
  });
  failing = await recordingProvider({
    status: 429,
    headers: { 'request-id': 'req-8', 'retry-after': '9', 'x-ratelimit-remaining-requests': '0' },
    answer: () => '{"error":{"message":"slow down"}}',
  });
  gateway = await startGateway(`
providers:
  up:
    type: mistral
    base_url: "${provider.baseUrl}"
    api_keys: [provider-key]
    headers: { x-fixed: ours }
    forward_headers: { request: [X-Feature, x-fixed], response: [x-time-spent] }
  closed: { type: openai-compatible, base_url: "${provider.baseUrl}" }
  failing: { type: openai-compatible, base_url: "${failing.baseUrl}" }
models:
  - { name: second, policy: [priority], targets: [{ provider: failing, model: m }, { provider: up, model: m, priority: 2 }] }
`);
});
afterAll(async () => {
  await gateway.stop();
  await provider.close();
  await failing.close();
});

describe.each(surfaces)('%s', (_name, ask) => {
  test('who answered, and which parameters did not reach it as they were', async () => {
    expect(await ask(gateway.port, { model: 'up/m', topK: 3 })).toMatchObject({
      'x-llmbridge-provider': 'up',
      'x-llmbridge-model': 'm',
      'x-llmbridge-parameters': 'dropped=top_k',
    });
    expect(await ask(gateway.port, { model: 'up/m' })).not.toHaveProperty('x-llmbridge-parameters');
  });

  test('the limits and the request id of the provider, renamed; of the rest what is listed', async () => {
    const told = await ask(gateway.port, { model: 'up/m' });
    expect(told).toMatchObject({
      'x-provider-request-id': 'req-7',
      'x-provider-ratelimit-remaining-requests': '41',
      'x-provider-ratelimit-tokens-reset': 'soon',
      'x-time-spent': '12',
    });
    expect(told['x-request-id']).not.toBe('req-7');
    for (const name of ['x-not-listed', 'set-cookie', 'x-ratelimit-remaining-requests']) {
      expect(told).not.toHaveProperty(name);
    }
    expect(await ask(gateway.port, { model: 'closed/m' })).not.toHaveProperty('x-time-spent');
  });

  test('of the headers of the caller those that are listed, and never over our own', async () => {
    const headers = { 'x-feature': 'beta', 'x-fixed': 'theirs', 'x-other': 'no', authorization: 'Bearer callers-own' };
    await ask(gateway.port, { model: 'up/m', headers });
    const sent = provider.requests.at(-1)?.headers;
    expect(sent).toMatchObject({ 'x-feature': 'beta', 'x-fixed': 'ours', authorization: 'Bearer provider-key' });
    expect(sent).not.toHaveProperty('x-other');
    await ask(gateway.port, { model: 'closed/m', headers });
    expect(provider.requests.at(-1)?.headers).not.toHaveProperty('x-feature');
  });

  test('an error tells the request id of the provider, an answer after it only its own', async () => {
    expect(await ask(gateway.port, { model: 'failing/m' })).toMatchObject({
      'x-provider-request-id': 'req-8',
      'x-provider-ratelimit-remaining-requests': '0',
    });
    const second = await ask(gateway.port, { model: 'second' });
    expect(second).toMatchObject({
      'x-llmbridge-provider': 'up',
      'x-provider-request-id': 'req-7',
      'x-provider-ratelimit-remaining-requests': '41',
    });
  });
});
