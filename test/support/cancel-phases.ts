import { request as httpRequest } from 'node:http';
import { createSimulatorServer, type SimulatorServer } from '../../src/simulator/server.ts';
import { startGateway, type TestGateway } from './gateway.ts';

/** A gateway and its providers, for calls that are cancelled in phases that only a balancer knows. */
export interface CancelBench {
  /**
   * Makes one call, cancels it in the phase, and resolves with the milliseconds from there to the last provider's socket
   * closed. Rejects where an attempt was started after the cancel.
   */
  cancelIn(phase: CancelPhase): Promise<number>;
  stop(): Promise<void>;
}

interface Phase {
  readonly route: string;
  readonly stream: boolean;
  /** Requests that the provider sees before the call is in the phase. */
  readonly asked: number;
  /** Whether so many of them are still open by then. */
  readonly open: number;
}

const phases = {
  'connected, before the first token': { route: 'slow', stream: true, asked: 1, open: 1 },
  'amid a whole answer': { route: 'slow', stream: false, asked: 1, open: 1 },
  // A name of its own for each call: a target that was limited once is not asked before its time.
  'waiting out a Retry-After': { route: 'up/sim:fault=429,retry_after=4,tokens=', stream: true, asked: 1, open: 0 },
  hedged: { route: 'hedged', stream: true, asked: 2, open: 2 },
  'recovering a cut stream': { route: 'recovering', stream: true, asked: 2, open: 1 },
  'on the second tier': { route: 'second', stream: true, asked: 2, open: 1 },
} as const satisfies Readonly<Record<string, Phase>>;

export type CancelPhase = keyof typeof phases | 'queued';
export const cancelPhases: readonly CancelPhase[] = [...(Object.keys(phases) as (keyof typeof phases)[]), 'queued'];

const yaml = (port: number) => `
providers:
  up: { type: openai-compatible, base_url: "http://127.0.0.1:${port}/v1" }
  narrow: { type: openai-compatible, base_url: "http://127.0.0.1:${port}/v1", admission: { max_concurrent: 1 } }
balancer:
  retry: { budget_min: 100000 }
  breaker: { consecutive: 1000000, min_requests: 1000000 }
models:
  - { name: slow, targets: [{ provider: up, model: "sim:ttft=60s" }] }
  - name: hedged
    hedge: { enabled: true, delay: 5ms, budget_ratio: 1 }
    policy: [priority]
    targets: [{ provider: up, model: "sim:ttft=60s" }, { provider: up, model: "sim:ttft=61s" }]
  - name: recovering
    recovery: { mode: restart }
    targets: [{ provider: up, model: "sim:tokens=20,tps=1000,cut=4" }, { provider: up, model: "sim:ttft=62s", priority: 2 }]
  - name: second
    retry: { max: 0 }
    targets: [{ provider: up, model: "sim:fault=503" }, { provider: up, model: "sim:ttft=63s", priority: 2 }]
  - { name: queued, targets: [{ provider: narrow, model: "sim:ttft=64s" }] }
`;

/** Calls that the gateway says are open. */
async function inFlight(gateway: TestGateway): Promise<number> {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  const samples = text.match(/^llmbridge_requests_in_flight\{[^}]*ChatCompletion[^}]*\} \d+$/gm) ?? [];
  return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

export async function openCancelBench(): Promise<CancelBench> {
  const simulator: SimulatorServer = await createSimulatorServer();
  const gateway: TestGateway = await startGateway(yaml(simulator.port));

  const until = async (holds: () => boolean, what: string): Promise<void> => {
    const limit = performance.now() + 10_000;
    while (!holds()) {
      if (performance.now() > limit) throw new Error(`never ${what}`);
      await turn();
    }
  };
  const call = (route: string, stream: boolean) => {
    const request = httpRequest({
      port: gateway.port,
      host: '127.0.0.1',
      path: '/v1/chat/completions',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      agent: false,
    });
    request.on('error', () => {});
    request.on('response', (response) => response.on('error', () => {}).resume());
    request.end(JSON.stringify({ model: route, stream, messages: [{ role: 'user', content: 'Hello' }] }));
    return request;
  };
  const asked = () => simulator.requests().requests.length;
  const open = () => simulator.requests().open;
  const ended = () => gateway.log.filter(({ msg }) => msg === 'call').length;

  let calls = 0;

  async function leave(route: string, stream: boolean, phase: Phase): Promise<number> {
    const before = ended();
    const request = call(route, stream);
    await until(() => asked() >= phase.asked && open() === phase.open, `in the phase: ${route}`);
    const leftAt = performance.now();
    request.destroy();
    await until(() => ended() > before && open() === 0, `over: ${route}`);
    const ms = performance.now() - leftAt;
    if (asked() > phase.asked) throw new Error(`${route}: an attempt was started after the cancel`);
    return ms;
  }

  async function leaveQueue(): Promise<number> {
    const holder = call('queued', true);
    await until(() => open() === 1, 'held');
    const before = ended();
    const request = call('queued', true);
    // The call is in line when the gateway has one more open than the provider; nothing outside tells.
    while ((await inFlight(gateway)) < 2) await turn();
    await turn();
    const leftAt = performance.now();
    request.destroy();
    await until(() => ended() > before, 'out of the queue');
    const ms = performance.now() - leftAt;
    holder.destroy();
    await until(() => open() === 0, 'let go');
    await turn();
    if (asked() > 1) throw new Error('queued: an attempt was started after the cancel');
    await until(() => ended() >= before + 2, 'over');
    return ms;
  }

  return {
    async cancelIn(phase) {
      simulator.reset();
      if (phase === 'queued') return leaveQueue();
      const { route, stream } = phases[phase];
      return leave(route.endsWith('=') ? `${route}${++calls}` : route, stream, phases[phase]);
    },
    async stop() {
      await gateway.stop();
      await simulator.close();
    },
  };
}
