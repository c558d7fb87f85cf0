import { promisify } from 'node:util';
import { credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import {
  ChatCompletionRequest,
  type ChatCompletionResponse,
  ChatServiceClient,
} from '../../gen/ts-proto/llmbridge/v1/chat_service.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { type RecordingProvider, recordingProvider } from '../support/recording-provider.ts';

// What calls cost: in the report, in the log line and in the metrics.

const usage = {
  prompt_tokens: 1_000,
  completion_tokens: 500,
  total_tokens: 1_500,
  prompt_tokens_details: { cached_tokens: 600 },
  completion_tokens_details: { reasoning_tokens: 400 },
};

function counted({ body }: { readonly body: string }): string {
  const stream = /"stream":\s*true/.test(body);
  const said = { role: 'assistant', content: 'counted' };
  const choice = { index: 0, [stream ? 'delta' : 'message']: said, finish_reason: 'stop' };
  const json = JSON.stringify({ id: 'c', created: 1, model: 'm', choices: [choice], usage });
  return stream ? `data: ${json}\n\ndata: [DONE]\n\n` : json;
}

interface Report {
  readonly cost_usd?: number;
  readonly attempts: readonly { readonly provider: string; readonly cost_usd?: number }[];
}

let provider: RecordingProvider;
let broken: RecordingProvider;
let gateway: TestGateway;

beforeAll(async () => {
  provider = await recordingProvider({ answer: counted });
  broken = await recordingProvider({ answer: () => '{"choices": [' });
  gateway = await startGateway(`
providers:
  listed: { type: openai, base_url: "${provider.baseUrl}", api_keys: [k], models: [gpt-4o] }
  own: { type: openai-compatible, base_url: "${provider.baseUrl}" }
  broken: { type: openai-compatible, base_url: "${broken.baseUrl}" }
  sim: { type: simulator, models: [sim] }
models:
  - { name: priced, targets: [{ provider: own, model: m, price: { prompt: 10, completion: 20, cached_prompt: 1 } }] }
  - name: second
    policy: [priority]
    targets:
      - { provider: broken, model: b, price: { prompt: 1000, completion: 1000 } }
      - { provider: own, model: m, priority: 2, price: { prompt: 10, completion: 20, cached_prompt: 1 } }
balancer: { retry: { max: 0 } }
`);
});
afterAll(async () => {
  await gateway.stop();
  await provider.close();
  await broken.close();
});

async function ask(model: string, stream = false): Promise<Report> {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, stream, messages: [{ role: 'user', content: 'Hello' }] }),
  });
  const text = await response.text();
  const last = stream ? (text.match(/^data: (.*"llmbridge".*)$/m)?.[1] ?? '{}') : text;
  return (JSON.parse(last) as { llmbridge: Report }).llmbridge;
}

const lines = () => gateway.log.filter((line) => line['msg'] === 'call');

async function metric(labels: string): Promise<number> {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  return Number(text.match(new RegExp(`^llmbridge_cost_usd_total\\{${labels}\\} (.*)$`, 'm'))?.[1] ?? 0);
}

// 400 at 10, 600 cached at 1, 500 at 20 US dollars a million.
const cost = 0.0146;

test.each([false, true])('by the price in the configuration (streamed: %s)', async (stream) => {
  const labels = 'provider="own",model="m"';
  const before = await metric(labels);
  const told = lines().length;
  expect(await ask('priced', stream)).toMatchObject({ cost_usd: cost, attempts: [{ cost_usd: cost }] });
  await vi.waitFor(() => expect(lines().slice(told)).toMatchObject([{ requested_model: 'priced', cost_usd: cost }]));
  expect(await metric(labels)).toBeCloseTo(before + cost, 10);
});

test('over gRPC', async () => {
  const client = new ChatServiceClient(`127.0.0.1:${gateway.port}`, credentials.createInsecure());
  const request = ChatCompletionRequest.fromPartial({ model: 'priced', messages: [{ role: 3, content: 'Hello' }] });
  const call = promisify<ChatCompletionRequest, ChatCompletionResponse>(client.chatCompletion.bind(client));
  expect((await call(request)).report).toMatchObject({ costUsd: cost, attempts: [{ costUsd: cost }] });
  client.close();
});

test('by the public price list', async () => {
  // 400 at 2.5, 600 cached at 1.25, 500 at 10; a call that comes before the list is loaded does without.
  await vi.waitFor(async () => expect(await ask('listed/gpt-4o')).toMatchObject({ cost_usd: 0.00675 }), 10_000);
});

test('an attempt that failed after the provider took the request is billed too', async () => {
  const { cost_usd, attempts } = await ask('second');
  const [failed, answered] = attempts;
  expect(failed?.provider).toBe('broken');
  expect(failed?.cost_usd).toBeGreaterThan(0);
  expect(answered?.cost_usd).toBe(cost);
  expect(cost_usd).toBe((failed?.cost_usd ?? 0) + cost);
});

test('what is simulated costs nothing, and of a model without a price nothing is said', async () => {
  expect(await ask('sim')).toMatchObject({ cost_usd: 0 });
  expect(await ask('own/unpriced')).not.toHaveProperty('cost_usd');
});
