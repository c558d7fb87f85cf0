import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { createSimulatorServer } from '../../src/simulator/server.ts';
import type { Answer, Caller } from '../clients/caller.ts';
import { connectNode } from '../clients/connect-node.ts';
import { grpcJs } from '../clients/grpc-js.ts';
import { openaiNode } from '../clients/openai.ts';
import { checked, isWhole } from './checked-text.ts';
import { type GatewayProcess, spawnGateway } from './gateway.ts';
import { startToxiproxy, type Weather } from './toxiproxy.ts';

// Three providers of different dialects, each in turn slow, limited, cut, reset and dead. The text that they say after the
// caller carries its own checksum: whoever asks gets all of it, or an honest error after a true beginning.

/** What a process holds, after its garbage was collected and its idle connections were closed. */
export interface Held {
  readonly heap: number;
  readonly handles: number;
  readonly descriptors: number;
}

export interface ChaosFigures {
  readonly whole: number;
  /** Failures by their reason. */
  readonly honest: Readonly<Record<string, number>>;
  /** What is neither: a text that is not what was asked for, or the doubt of one. */
  readonly wrong: readonly string[];
  readonly attempts: number;
  readonly recoveries: number;
  readonly before: Held;
  readonly after: Held;
  /** Attempts in flight by the gateway's own count, and requests open at the providers, once all is over. */
  readonly left: number;
}

const weathers: readonly Weather[] = ['slow', 'limited', 'cut', 'reset', 'dead'];
const dialects = [
  { name: 'openai', path: '/v1' },
  { name: 'anthropic', path: '' },
  { name: 'gemini', path: '' },
] as const;

/** A server that is over its limit, whatever it is asked. */
async function startLimiter() {
  const server = http.createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      response.writeHead(429, { 'content-type': 'application/json', 'retry-after': '1' });
      response.end('{"error":{"message":"slow down","type":"rate_limit_error"}}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function metrics(gateway: GatewayProcess): Promise<(name: string) => number> {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  return (name) =>
    [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].reduce((all, [, n]) => all + Number(n), 0);
}

async function held(gateway: GatewayProcess): Promise<Held> {
  const collections = () => gateway.output().split('collected').length;
  for (let i = 0; i < 2; i++) {
    const before = collections();
    gateway.child.kill('SIGUSR2');
    while (collections() === before) await pause(20);
  }
  const of = await metrics(gateway);
  return {
    heap: of('nodejs_heap_size_used_bytes'),
    handles: of('nodejs_active_handles'),
    descriptors: of('process_open_fds'),
  };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Asks for so many streams over so many seconds, while each provider meets each weather once. The timings of answers and
 * ejections are those of life for a minute, and scaled for less.
 */
export async function runChaos(streams: number, seconds: number): Promise<ChaosFigures> {
  const scale = seconds / 60;
  const simulator = await createSimulatorServer();
  const limiter = await startLimiter();
  const toxiproxy = await startToxiproxy();
  const proxies = await Promise.all(
    dialects.map(({ name }) => toxiproxy.proxy(name, `127.0.0.1:${simulator.port}`, limiter.address)),
  );
  const providers = dialects.map(
    ({ name, path }, i) =>
      `  ${name}: { type: ${name}, base_url: "http://127.0.0.1:${proxies[i]?.port}${path}", api_keys: [k] }`,
  );
  const gateway = await spawnGateway(
    `
providers:
${providers.join('\n')}
balancer:
  timeouts: { connect: 1s, first_token: 3s, idle: 2s }
  breaker: { open: ${5_000 * scale}ms, max_open: ${15_000 * scale}ms }
  recovery: { mode: restart }
models:
  - name: storm
    policy: [least-connections]
    targets: [${dialects.map(({ name }) => `{ provider: ${name}, model: "sim:echo,tps=${100 / scale}" }`).join(', ')}]
`,
    { NODE_FLAGS: '--expose-gc --import=./test/support/collect-on-signal.ts' },
  );
  const all = (weather: Weather) => Promise.all(proxies.map((proxy) => proxy.change(weather)));
  const callers: readonly Caller[] = [grpcJs, openaiNode, ...connectNode];

  let whole = 0;
  const honest: Record<string, number> = {};
  const wrong: string[] = [];
  const judge = (asked: string, { text, failure, finish }: Answer) => {
    if (failure === undefined && isWhole(text) && text === asked && finish !== '') whole++;
    else if (failure !== undefined && asked.startsWith(text)) {
      const reason = failure.reason || failure.code;
      honest[reason] = (honest[reason] ?? 0) + 1;
    } else wrong.push(`${failure?.reason ?? 'no failure'}: ${JSON.stringify(text)} for ${JSON.stringify(asked)}`);
  };
  /** A round of calls over connections of its own; what is held after it. */
  const round = async (count: number, everyMs: number): Promise<Held> => {
    const connections = await Promise.all(callers.map((caller) => caller.connect(gateway.port)));
    const asked: Promise<void>[] = [];
    const startedAt = performance.now();
    for (let i = 0; i < count; i++) {
      const content = checked(i);
      const connection = connections[i % connections.length];
      const answer = connection?.ask('stream', { model: 'storm', content, maxTokens: 500 });
      if (answer) asked.push(answer.then((got) => judge(content, got)));
      await pause(Math.max(0, startedAt + (i + 1) * everyMs - performance.now()));
    }
    await Promise.all(asked);
    for (const connection of connections) await connection.close();
    // Idle connections to the providers would be kept for their keep-alive time.
    await all('dead');
    await pause(1_000);
    const state = await held(gateway);
    await all('fair');
    return state;
  };

  try {
    const before = await round(Math.min(60, streams), 5);
    if (wrong.length > 0 || Object.keys(honest).length > 0) throw new Error(`in fair weather: ${wrong[0]} ${honest}`);
    whole = 0;
    const changes = weathers.flatMap((weather) => proxies.map((proxy) => ({ weather, proxy })));
    const turnMs = (seconds * 1_000) / changes.length;
    const storm = (async () => {
      for (const { weather, proxy } of changes) {
        await proxy.change(weather);
        await pause(turnMs);
        await proxy.change('fair');
      }
    })();
    const after = await round(streams, (seconds * 1_000) / streams);
    await storm;
    const of = await metrics(gateway);
    return {
      whole,
      honest,
      wrong,
      attempts: of('llmbridge_upstream_attempts_total'),
      recoveries: of('llmbridge_stream_recoveries_total'),
      before,
      after,
      left: of('llmbridge_target_attempts_in_flight') + simulator.requests().open,
    };
  } finally {
    await gateway.stop();
    await toxiproxy.stop();
    await simulator.close();
    limiter.close();
  }
}
