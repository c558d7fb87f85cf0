import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSimulatorServer, type SimulatorServer } from '../../src/simulator/server.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';

// A provider that is probed is passed over while it does not answer, before any call has to find out.

let simulator: SimulatorServer;
let gateway: TestGateway;
/** What the probed provider is asked, and what it answers probes and calls with. */
const asked: string[] = [];
let probeStatus = 200;
const shaky = http.createServer((request, response) => {
  request.resume();
  asked.push(`${request.method} ${request.url} ${request.headers.authorization}`);
  if (request.method === 'POST') request.socket.resetAndDestroy();
  else if (probeStatus > 0) response.writeHead(probeStatus).end('{}');
});

beforeAll(async () => {
  simulator = await createSimulatorServer();
  shaky.listen(0, '127.0.0.1');
  await once(shaky, 'listening');
  gateway = await startGateway(`
providers:
  shaky:
    type: openai-compatible
    base_url: "http://127.0.0.1:${(shaky.address() as AddressInfo).port}/v1"
    api_keys: [secret]
    list_models: false
    probe: { interval: 20ms, timeout: 150ms, failure_threshold: 2 }
  sound: { type: openai, base_url: "http://127.0.0.1:${simulator.port}/v1", api_keys: [k] }
models:
  - { name: both, policy: [priority], targets: [{ provider: shaky, model: sim }, { provider: sound, model: sim }] }
  - { name: alone, targets: [{ provider: shaky, model: sim }] }
`);
});
afterAll(async () => {
  await gateway?.stop();
  shaky.closeAllConnections();
  shaky.close();
  await simulator?.close();
});

const health = async (name: string) => {
  const { components } = (await (await fetch(`${gateway.url}/health/ready`)).json()) as {
    components: { name: string; status: string; message?: string }[];
  };
  return components.find((component) => component.name === name)?.status;
};
const serving = 'serving';
const ask = async (model: string) => {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] }),
  });
  await response.text();
  return response;
};

test('asks for the list of models, with its key', async () => {
  await expect.poll(() => asked.length).toBeGreaterThan(1);
  expect(new Set(asked)).toEqual(new Set(['GET /v1/models Bearer secret']));
  expect(await health('provider/shaky')).toEqual(serving);
});

test.each([
  ['fails', 503],
  ['says nothing', 0],
])('one that %s is passed over, and is back when it answers', async (_, status) => {
  probeStatus = status;
  await expect.poll(() => health('provider/shaky'), { timeout: 5_000 }).not.toEqual(serving);
  expect(await health('model/alone')).not.toEqual(serving);
  expect(await health('model/both')).toEqual(serving);
  const before = asked.filter((line) => line.startsWith('POST')).length;
  expect((await ask('both')).status).toBe(200);
  const refused = await ask('alone');
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).not.toBeNull();
  expect(asked.filter((line) => line.startsWith('POST'))).toHaveLength(before);
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  expect(metrics).toContain('llmbridge_provider_up{provider="shaky"} 0');

  probeStatus = 401;
  await expect.poll(() => health('provider/shaky'), { timeout: 5_000 }).toEqual(serving);
  await expect.poll(() => health('model/alone'), { timeout: 5_000 }).toEqual(serving);
});
