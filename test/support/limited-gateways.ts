import { createSimulatorServer, type SimulatorServer } from '../../src/simulator/server.ts';
import { type GatewayProcess, spawnGateway } from './gateway.ts';
import { bearerOf, closeGrpc } from './limits-bench.ts';

/** A call that goes on until it is released. */
export interface Held {
  /** The status, once it was answered: of a call that was let in, never. */
  told(): number | undefined;
  release(): void;
}

/** What held calls ask. */
const held = 'How many calls fit into a minute?';

/** Gateways in processes of their own, of one configuration, before one simulator. */
export interface LimitedGateways {
  readonly all: readonly GatewayProcess[];
  readonly simulator: SimulatorServer;
  at(index: number): GatewayProcess;
  hold(gateway: GatewayProcess, user: string, maxTokens?: number): Held;
  stop(): Promise<void>;
}

export async function startLimitedGateways(yaml: string, instances: number, workers = 1): Promise<LimitedGateways> {
  const simulator = await createSimulatorServer();
  const providers = `providers: { up: { type: openai-compatible, base_url: "http://127.0.0.1:${simulator.port}/v1" } }`;
  const all = await Promise.all(
    Array.from({ length: instances }, () => spawnGateway(`${providers}\n${yaml}\nserver: { workers: ${workers} }`)),
  );
  const holding: AbortController[] = [];
  return {
    all,
    simulator,
    at(index) {
      const gateway = all[index];
      if (gateway === undefined) throw new Error(`no gateway ${index}`);
      return gateway;
    },
    hold({ url }, user, maxTokens) {
      const leaving = new AbortController();
      holding.push(leaving);
      let status: number | undefined;
      fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        signal: leaving.signal,
        headers: { 'content-type': 'application/json', authorization: bearerOf(user) },
        body: JSON.stringify({
          model: 'up/sim:ttft=10m',
          max_tokens: maxTokens,
          messages: [{ role: 'user', content: held }],
        }),
      })
        .then(async (response) => {
          await response.text();
          status = response.status;
        })
        .catch(() => {});
      return { told: () => status, release: () => leaving.abort() };
    },
    async stop() {
      for (const { port } of all) closeGrpc(port);
      for (const leaving of holding) leaving.abort();
      await Promise.all(all.map((gateway) => gateway.stop()));
      await simulator.close();
    },
  };
}
