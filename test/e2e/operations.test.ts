import { connect as http2Connect } from 'node:http2';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { part, root, suite } from '../support/parts.ts';
import { run, runOk } from '../support/process.ts';

// What people and machines do to a gateway beside calling it: the examples of the README, probes, scrapes, SDKs.

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway(`
providers:
  openai: { type: simulator, models: [gpt-3.5-turbo] }
  sim: { type: simulator, models: [sim] }
`);
});
afterAll(() => gateway.stop());

suite('the curls of the README', ['curl'], () => {
  const curl = (...args: string[]) => runOk(part('curl'), ['-sS', '--fail-with-body', ...args]);

  test('chat, with provider and parameters', async () => {
    const body =
      '{"model":"gpt-3.5-turbo","provider":"openai","messages":[{"role":"user","content":"你好！"}],"parameters":{"temperature":0.7,"max_tokens":100}}';
    const printed = await curl(
      '-X',
      'POST',
      `${gateway.url}/v1/chat/completions`,
      '-H',
      'Content-Type: application/json',
      '-d',
      body,
    );
    const reply = JSON.parse(printed) as {
      object: string;
      choices: { message: { role: string; content: string } }[];
      usage: { completion_tokens: number };
      llmbridge: { provider: string; simulated: boolean };
    };
    expect(reply.object).toBe('chat.completion');
    expect(reply.choices[0]?.message).toMatchObject({ role: 'assistant', content: expect.stringMatching(/./) });
    expect(reply.usage.completion_tokens).toBeLessThanOrEqual(100);
    expect(reply.llmbridge).toMatchObject({ provider: 'openai', simulated: true });
  });

  test('models', async () => {
    const list = JSON.parse(await curl(`${gateway.url}/v1/models`)) as { object: string; data: { id: string }[] };
    expect(list.object).toBe('list');
    expect(list.data.map(({ id }) => id)).toContain('openai/gpt-3.5-turbo');
    const one = JSON.parse(await curl(`${gateway.url}/v1/models/openai/gpt-3.5-turbo`)) as { id: string };
    expect(one.id).toBe('openai/gpt-3.5-turbo');
  });

  test('health', async () => {
    for (const path of ['/health', '/health/live', '/health/ready']) {
      expect(JSON.parse(await curl(`${gateway.url}${path}`))).toHaveProperty('status');
    }
  });
});

suite('grpc_health_probe', ['grpc-health-probe'], () => {
  test.each(['', 'llmbridge.v1.ChatService'])('service %j serves', async (service) => {
    const outcome = await run(part('grpc-health-probe'), [`-addr=127.0.0.1:${gateway.port}`, `-service=${service}`]);
    expect(outcome).toMatchObject({ code: 0 });
  });

  test('an unknown service is told so', async () => {
    const outcome = await run(part('grpc-health-probe'), [`-addr=127.0.0.1:${gateway.port}`, '-service=nothing']);
    expect(outcome.code).toBe(3);
    expect(outcome.stderr).toMatch(/NotFound|unknown service/i);
  });
});

suite('grpcurl', ['grpcurl'], () => {
  const grpcurl = (...args: string[]) => runOk(part('grpcurl'), ['-plaintext', ...args]);

  test('lists the services, standard ones among them', async () => {
    const services = (await grpcurl(`127.0.0.1:${gateway.port}`, 'list')).trim().split('\n');
    expect(services).toEqual(
      expect.arrayContaining([
        'grpc.health.v1.Health',
        'llmbridge.v1.ChatService',
        'llmbridge.v1.HealthService',
        'llmbridge.v1.ModelService',
      ]),
    );
  });

  test('describes a message with its comments lost but its fields there', async () => {
    const text = await grpcurl(`127.0.0.1:${gateway.port}`, 'describe', 'llmbridge.v1.ChatCompletionRequest');
    expect(text).toContain('repeated .llmbridge.v1.Message messages = 3');
  });

  test('asks for models and health', async () => {
    const models = await grpcurl(`127.0.0.1:${gateway.port}`, 'llmbridge.v1.ModelService/ListModels');
    expect(JSON.parse(models)).toMatchObject({
      models: expect.arrayContaining([expect.objectContaining({ id: 'sim/sim' })]),
    });
    const health = await grpcurl(`127.0.0.1:${gateway.port}`, 'llmbridge.v1.HealthService/CheckHealth');
    expect(JSON.parse(health)).toMatchObject({ status: 'HEALTH_STATUS_SERVING' });
  });
});

suite('promtool', ['promtool'], () => {
  test('finds nothing to complain of in /metrics', async () => {
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(metrics).toContain('llmbridge_requests_total');
    const outcome = await run(part('promtool'), ['check', 'metrics'], { input: metrics });
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
  });
});

suite('the official openai SDK for Python', ['python'], () => {
  test('chat, stream, tools, vision, parsed answers, models, typed errors', async () => {
    const script = join(root, 'test/clients/python/openai_client.py');
    const printed = await runOk(part('python'), [script, `${gateway.url}/v1`, 'sim/sim']);
    const steps = new Map(
      printed
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { step: string; result: Record<string, unknown> })
        .map(({ step, result }) => [step, result]),
    );
    expect(steps.get('whole')).toMatchObject({ finish: 'length', completionTokens: 16, object: 'chat.completion' });
    expect(steps.get('streamed')).toMatchObject({
      text: steps.get('whole')?.['text'],
      finish: 'length',
      completionTokens: 16,
    });
    expect(steps.get('tools')).toEqual({ finish: 'tool_calls', name: 'get_weather', arguments: ['city'] });
    expect(steps.get('streamed_tools')).toEqual({
      finish: 'tool_calls',
      name: 'get_weather',
      answer: expect.stringContaining('sunny'),
    });
    expect(steps.get('vision')).toEqual({ city: expect.any(String) });
    expect(steps.get('models')?.['ids']).toEqual(expect.arrayContaining(['sim/sim', 'openai/gpt-3.5-turbo']));
    expect(steps.get('errors')).toEqual({
      'unknown model': ['NotFoundError', 404, 'invalid_request_error', 'model_not_found'],
      'bad field': ['BadRequestError', 400, 'invalid_request_error', null],
      'provider limit': ['RateLimitError', 429, 'rate_limit_error', 'provider_rate_limit_exceeded'],
      'provider failure': ['InternalServerError', 503, 'api_error', 'provider_unavailable'],
    });
  });
});

describe('HTTP/2 without TLS', () => {
  test('serves the JSON surface too, with prior knowledge', async () => {
    const session = http2Connect(gateway.url);
    const stream = session.request({ ':path': '/health' });
    const status = await new Promise((resolve) => stream.once('response', (headers) => resolve(headers[':status'])));
    stream.resume();
    expect(status).toBe(200);
    session.close();
  });
});
