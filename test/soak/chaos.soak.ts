import { afterAll, expect, test } from 'vitest';
import { createSimulatorServer } from '../../src/simulator/server.ts';
import { type Answer, type Caller, type Connection, Gathered } from '../clients/caller.ts';
import { connectNode } from '../clients/connect-node.ts';
import { grpcJs } from '../clients/grpc-js.ts';
import { openaiNode } from '../clients/openai.ts';
import { openChaosProxy, type Weather } from '../support/chaos-proxy.ts';
import { type GatewayProcess, spawnGateway } from '../support/gateway.ts';

// Three providers, each in turn slow, limited, cut, reset and dead, under 2,000 streams in a minute. Whoever asks gets the
// whole answer or an honest error; the text is known beforehand, word for word.

const STREAMS = 2_000;
const SECONDS = 60;
const WEATHER_MS = 2_000;
const model = 'sim:tokens=60,tps=60';

const started: GatewayProcess[] = [];
afterAll(() => Promise.all(started.map((gateway) => gateway.stop())));

const cutAfter = () => 500 + Math.floor(Math.random() * 12_000);

/** A number of the gateway's metrics. */
async function metric(gateway: GatewayProcess, name: string): Promise<number> {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  const lines = text.match(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm')) ?? [];
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

async function heapAfterCollection(gateway: GatewayProcess): Promise<number> {
  for (let i = 0; i < 2; i++) {
    const before = gateway.output().split('collected').length;
    gateway.child.kill('SIGUSR2');
    while (gateway.output().split('collected').length === before)
      await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return metric(gateway, 'nodejs_heap_size_used_bytes');
}

test('2,000 streams through a minute of bad weather', async () => {
  const simulator = await createSimulatorServer();
  const limiter = await createSimulatorServer();
  const proxies = await Promise.all([1, 2, 3].map(() => openChaosProxy(simulator.port, cutAfter)));
  const [a, b, c] = proxies.map(({ port }) => `http://127.0.0.1:${port}/v1`);
  const gateway = await spawnGateway(
    `
providers:
  a: { type: openai-compatible, base_url: "${a}" }
  b: { type: deepseek, base_url: "${b}", api_keys: [any] }
  c: { type: mistral, base_url: "${c}", api_keys: [any] }
  limited: { type: openai-compatible, base_url: "http://127.0.0.1:${limiter.port}/v1" }
balancer:
  timeouts: { connect: 1s, first_token: 3s, idle: 2s }
  recovery: { mode: restart }
models:
  - name: storm
    policy: [least-connections]
    targets:
      - { provider: limited, model: "sim:fault=429,retry_after=1" }
      - { provider: a, model: "${model}" }
      - { provider: b, model: "${model}" }
      - { provider: c, model: "${model}" }
`,
    {
      NODE_FLAGS: '--expose-gc --import=./test/support/collect-on-signal.ts',
    },
  );
  started.push(gateway);
  const callers: readonly Caller[] = [grpcJs, openaiNode, ...connectNode];
  const connections: Connection[] = await Promise.all(callers.map((caller) => caller.connect(gateway.port)));
  const question = (i: number) => ({ model: 'storm', content: `Question ${i % 50}`, maxTokens: 60 });

  const texts = new Map<number, string>();
  const [first] = connections;
  await Promise.all(
    Array.from({ length: 50 }, async (_, i) => {
      const { text } = (await first?.ask('stream', question(i))) ?? new Gathered();
      expect(text).not.toBe('');
      texts.set(i, text);
    }),
  );
  const heapBefore = await heapAfterCollection(gateway);

  let turn = 0;
  const weathers: readonly Weather[] = ['slow', 'cut', 'reset', 'dead'];
  const changing = setInterval(() => {
    proxies.forEach((proxy, i) => {
      proxy.weather = i === turn % 3 ? (weathers[Math.floor(turn / 3) % weathers.length] ?? 'fair') : 'fair';
    });
    turn++;
  }, WEATHER_MS);

  const counts = { whole: 0, honest: 0 };
  const wrong: string[] = [];
  const judge = (i: number, { text, failure, finish }: Answer) => {
    const expected = texts.get(i % 50) ?? '';
    if (failure === undefined && text === expected && finish !== '') counts.whole++;
    else if (failure !== undefined && expected.startsWith(text)) counts.honest++;
    else
      wrong.push(`${i}: ${failure?.reason ?? 'no failure'}, ${JSON.stringify(text)} for ${JSON.stringify(expected)}`);
  };
  const asked: Promise<void>[] = [];
  for (let i = 0; i < STREAMS; i++) {
    const connection = connections[i % connections.length];
    if (connection) asked.push(connection.ask('stream', question(i)).then((answer) => judge(i, answer)));
    await new Promise((resolve) => setTimeout(resolve, (SECONDS * 1_000) / STREAMS - 1));
  }
  await Promise.all(asked);
  clearInterval(changing);
  for (const proxy of proxies) proxy.weather = 'fair';

  for (const connection of connections) await connection.close();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const heapAfter = await heapAfterCollection(gateway);
  // The provider offers to keep idle connections for 75 s, and the gateway does.
  const idle = proxies.reduce((sum, proxy) => sum + proxy.open, 0);
  const recovered = await metric(gateway, 'llmbridge_stream_recoveries_total');
  const attempts = await metric(gateway, 'llmbridge_upstream_attempts_total');
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
  console.log(
    `${counts.whole} whole, ${counts.honest} honest errors, ${wrong.length} wrong; ${attempts} attempts, ${recovered} recoveries; ` +
      `heap ${megabytes(heapBefore)} to ${megabytes(heapAfter)} MB; ${idle} upstream sockets idle, ${simulator.requests().open} in use`,
  );
  expect(wrong).toEqual([]);
  expect(counts.whole + counts.honest).toBe(STREAMS);
  expect(counts.whole).toBeGreaterThan(STREAMS * 0.95);
  expect(await metric(gateway, 'llmbridge_target_attempts_in_flight')).toBe(0);
  expect(simulator.requests().open).toBe(0);
  expect(heapAfter - heapBefore).toBeLessThan(8e6);
  for (const proxy of proxies) await proxy.close();
  await simulator.close();
  await limiter.close();
}, 300_000);
