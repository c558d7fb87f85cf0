import { once } from 'node:events';
import net from 'node:net';
import { createSimulatorServer, type SimulatorServer } from '../../src/simulator/server.ts';
import { startGateway, type TestGateway } from './gateway.ts';
import type { Leaver } from './leavers.ts';

/** A gateway and its providers, for calls that are cancelled in phases that only a balancer knows. */
export interface CancelBench {
  /**
   * Makes one call, cancels it in the phase, and resolves with the milliseconds from there to the last provider's socket
   * closed. Rejects where an attempt was started after the cancel.
   */
  cancelIn(phase: CancelPhase): Promise<number>;
  /** Aborts of callers' cancels by the gateway's own metric. */
  aborts(): Promise<{ readonly total: number; readonly within100ms: number }>;
  stop(): Promise<void>;
}

interface Phase {
  readonly route: string;
  readonly stream: boolean;
  /** Requests that the provider sees before the call is in the phase. */
  readonly asked: number;
  /** Whether so many of them are still open by then. */
  readonly open: number;
  /** Pieces that the caller has had by then. */
  readonly pieces?: number;
}

const phases = {
  'connected, before the first token': { route: 'slow', stream: true, asked: 1, open: 1 },
  'amid a whole answer': { route: 'slow', stream: false, asked: 1, open: 1 },
  'amid a stream': { route: 'long', stream: true, asked: 1, open: 1, pieces: 3 },
  'backing off': { route: 'again', stream: true, asked: 1, open: 0 },
  // A name of its own for each call: a target that was limited once is not asked before its time.
  'waiting out a Retry-After': { route: 'up/sim:fault=429,retry_after=4,tokens=', stream: true, asked: 1, open: 0 },
  hedged: { route: 'hedged', stream: true, asked: 2, open: 2 },
  'recovering a cut stream': { route: 'recovering', stream: true, asked: 2, open: 1 },
  'on the second tier': { route: 'second', stream: true, asked: 2, open: 1 },
} as const satisfies Readonly<Record<string, Phase>>;

export type CancelPhase = keyof typeof phases | 'connecting' | 'queued';
export const cancelPhases: readonly CancelPhase[] = [
  ...(Object.keys(phases) as (keyof typeof phases)[]),
  'connecting',
  'queued',
];

const yaml = (port: number, mutePort: number) => `
providers:
  up: { type: openai-compatible, base_url: "http://127.0.0.1:${port}/v1" }
  narrow: { type: openai-compatible, base_url: "http://127.0.0.1:${port}/v1", admission: { max_concurrent: 1 } }
  mute: { type: openai-compatible, base_url: "https://127.0.0.1:${mutePort}/v1" }
balancer:
  retry: { budget_min: 100000 }
  breaker: { consecutive: 1000000, min_requests: 1000000 }
models:
  - { name: slow, targets: [{ provider: up, model: "sim:ttft=60s" }] }
  - { name: connecting, targets: [{ provider: mute, model: m }] }
  - { name: long, targets: [{ provider: up, model: "sim:tokens=5000,tps=1000" }] }
  - { name: again, retry: { backoff: 600s, max_backoff: 600s }, targets: [{ provider: up, model: "sim:fault=503" }] }
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

export async function openCancelBench(leaverOf: (port: number) => Leaver): Promise<CancelBench> {
  const simulator: SimulatorServer = await createSimulatorServer();
  // It takes connections and never says a word: a TLS handshake with it does not come to its end.
  let handshakes = 0;
  const mute = net.createServer((socket) => {
    handshakes++;
    socket.on('error', () => {}).on('close', () => handshakes--);
    socket.resume();
  });
  mute.listen(0, '127.0.0.1');
  await once(mute, 'listening');
  const gateway: TestGateway = await startGateway(yaml(simulator.port, (mute.address() as net.AddressInfo).port));

  const until = async (holds: () => boolean, what: string): Promise<void> => {
    const limit = performance.now() + 10_000;
    while (!holds()) {
      if (performance.now() > limit) throw new Error(`never ${what}`);
      await turn();
    }
  };
  const leaver = leaverOf(gateway.port);
  const call = (route: string, stream: boolean) => leaver.call(route, stream);
  const asked = () => simulator.requests().requests.length;
  const open = () => simulator.requests().open;
  const ended = () => gateway.log.filter(({ msg }) => msg === 'call').length;

  let calls = 0;

  async function leave(route: string, stream: boolean, phase: Phase): Promise<number> {
    const before = ended();
    const request = call(route, stream);
    const { pieces = 0 } = phase;
    await until(
      () => asked() >= phase.asked && open() === phase.open && request.pieces >= pieces,
      `in the phase: ${route}`,
    );
    const leftAt = performance.now();
    request.leave();
    await until(() => ended() > before && open() === 0, `over: ${route}`);
    const ms = performance.now() - leftAt;
    if (asked() > phase.asked) throw new Error(`${route}: an attempt was started after the cancel`);
    return ms;
  }

  async function leaveConnecting(): Promise<number> {
    const before = ended();
    const request = call('connecting', true);
    await until(() => handshakes === 1, 'connecting');
    const leftAt = performance.now();
    request.leave();
    await until(() => ended() > before && handshakes === 0, 'disconnected');
    return performance.now() - leftAt;
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
    request.leave();
    await until(() => ended() > before, 'out of the queue');
    const ms = performance.now() - leftAt;
    holder.leave();
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
      if (phase === 'connecting') return leaveConnecting();
      const { route, stream } = phases[phase];
      return leave(route.endsWith('=') ? `${route}${++calls}` : route, stream, phases[phase]);
    },
    async aborts() {
      const text = await (await fetch(`${gateway.url}/metrics`)).text();
      const sample = (rest: string) =>
        Number(new RegExp(`^llmbridge_cancel_to_abort_seconds_${rest} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
      return {
        total: sample('count\\{reason="CANCELLED"\\}'),
        within100ms: sample('bucket\\{le="0.1",reason="CANCELLED"\\}'),
      };
    },
    async stop() {
      leaver.close();
      await gateway.stop();
      mute.close();
      await simulator.close();
    },
  };
}
