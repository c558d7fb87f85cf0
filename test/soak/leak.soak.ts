import { request as httpRequest } from 'node:http';
import { afterAll, expect, test } from 'vitest';
import { createSimulatorServer } from '../../src/simulator/server.ts';
import { type GatewayProcess, spawnGateway } from '../support/gateway.ts';

// 20,000 calls, most of them left at a random moment: nothing of them stays behind.

const CALLS = 20_000;
const AT_ONCE = 40;

const started: GatewayProcess[] = [];
afterAll(() => Promise.all(started.map((gateway) => gateway.stop())));

interface State {
  readonly heap: number;
  readonly handles: number;
  readonly descriptors: number;
}

async function state(gateway: GatewayProcess): Promise<State> {
  const collections = () => gateway.output().split('collected').length;
  for (let i = 0; i < 2; i++) {
    const before = collections();
    gateway.child.kill('SIGUSR2');
    while (collections() === before) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  const sum = (name: string) =>
    [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].reduce((all, [, n]) => all + Number(n), 0);
  return {
    heap: sum('nodejs_heap_size_used_bytes'),
    handles: sum('nodejs_active_handles'),
    descriptors: sum('process_open_fds'),
  };
}

/** One call, left after so many milliseconds unless it is over by then. */
const call = (port: number, model: string, stream: boolean, leaveAfter: number): Promise<void> =>
  new Promise((resolve) => {
    const request = httpRequest({
      port,
      host: '127.0.0.1',
      path: '/v1/chat/completions',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      agent: false,
    });
    const timer = setTimeout(() => request.destroy(), leaveAfter);
    request.on('error', () => {});
    request.on('response', (response) => response.on('error', () => {}).resume());
    request.on('close', () => {
      clearTimeout(timer);
      resolve();
    });
    request.end(JSON.stringify({ model, stream, messages: [{ role: 'user', content: 'Hello' }] }));
  });

test('20,000 calls with aborts at random moments', async () => {
  const simulator = await createSimulatorServer();
  const up = `http://127.0.0.1:${simulator.port}/v1`;
  const gateway = await spawnGateway(
    `
providers:
  up: { type: openai-compatible, base_url: "${up}" }
  narrow: { type: openai-compatible, base_url: "${up}", admission: { max_concurrent: 4 } }
balancer: { retry: { budget_ratio: 1, budget_min: 100 }, recovery: { mode: restart } }
models:
  - { name: plain, targets: [{ provider: up, model: "sim:tokens=10,tps=1000" }] }
  - { name: queued, targets: [{ provider: narrow, model: "sim:tokens=10,tps=1000" }] }
  - { name: hedged, hedge: { enabled: true, delay: 5ms, budget_ratio: 1 }, targets: [{ provider: up, model: "sim:ttft=20ms,tokens=5,tps=1000" }, { provider: up, model: "sim:ttft=21ms,tokens=5,tps=1000" }] }
  - { name: cut, targets: [{ provider: up, model: "sim:tokens=10,tps=1000,cut=5" }, { provider: up, model: "sim:tokens=10,tps=1000", priority: 2 }] }
`,
    {
      NODE_FLAGS: '--expose-gc --import=./test/support/collect-on-signal.ts',
    },
  );
  started.push(gateway);
  const models = ['plain', 'queued', 'hedged', 'cut', 'up/sim:tokens=10,tps=1000'];
  let next = 0;
  const run = async (until: number) => {
    const worker = async () => {
      while (next < until) {
        const i = next++;
        await call(gateway.port, models[i % models.length] ?? 'plain', i % 3 !== 0, Math.random() * 40);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    while (simulator.requests().open > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    simulator.reset();
    // Idle connections to providers are kept for four seconds.
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    return state(gateway);
  };
  const warm = await run(CALLS / 10);
  const end = await run(CALLS);
  console.log(
    `heap ${(warm.heap / 1e6).toFixed(2)} to ${(end.heap / 1e6).toFixed(2)} MB, handles ${warm.handles} to ${end.handles}, ` +
      `descriptors ${warm.descriptors} to ${end.descriptors}`,
  );
  expect(end.heap - warm.heap).toBeLessThan(3e6);
  expect(end.handles).toBeLessThanOrEqual(warm.handles + 2);
  expect(end.descriptors).toBeLessThanOrEqual(warm.descriptors + 2);
  await simulator.close();
}, 600_000);
