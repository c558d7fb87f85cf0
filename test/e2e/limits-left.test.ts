import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import type { Subject } from '../../src/kernel/rate-limiter.ts';
import { createSimulatorServer, type SimulatorServer } from '../../src/simulator/server.ts';
import { connectRedis } from '../../src/stores/redis/connection.ts';
import { RedisRateLimiter } from '../../src/stores/redis/rate-limiter.ts';
import { type RedisServer, startRedis } from '../../src/stores/testing/redis-server.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { grpcLeaver, jsonLeaver } from '../support/leavers.ts';
import { overJson } from '../support/limits-bench.ts';
import { suite } from '../support/parts.ts';
import { Random } from '../support/random.ts';

// Callers who go away at any moment: what is counted of them is what the provider told, or marked as an estimate.

const AT_ONCE = 50;

interface AttemptLine {
  readonly model: string;
  readonly prompt_tokens?: number;
  readonly completion_tokens?: number;
  readonly usage_partial?: boolean;
  readonly usage_estimated?: boolean;
}
interface CallLine {
  readonly outcome: string;
  readonly attempts?: readonly AttemptLine[];
}

const configuration = (simulator: SimulatorServer, more: string) => `
providers:
  openai: { type: openai, base_url: "http://127.0.0.1:${simulator.port}/v1", api_keys: [k] }
  claude: { type: anthropic, base_url: "http://127.0.0.1:${simulator.port}", api_keys: [k] }
  gem: { type: gemini, base_url: "http://127.0.0.1:${simulator.port}", api_keys: [k] }
rate_limit: { store_timeout: 5s, ip: { tokens: 100000000/d, concurrent: 1000 } }
${more}`;

suite('streams that callers leave', ['redis-server'], () => {
  let gateway: TestGateway;
  let simulator: SimulatorServer;
  let redis: RedisServer | undefined;
  afterEach(async () => {
    await gateway.stop();
    await simulator.close();
    await redis?.stop();
    redis = undefined;
  });

  test.each([
    ['memory', 500],
    ['Redis', 200],
  ])(
    'are counted as their provider told, or marked as estimates; in %s',
    async (where, streams) => {
      simulator = await createSimulatorServer();
      if (where === 'Redis') redis = await startRedis();
      gateway = await startGateway(
        configuration(simulator, redis === undefined ? '' : `redis: { url: "${redis.url}" }`),
      );
      const probe = async () => {
        const { headers } = await overJson(gateway, { model: 'openai/sim:tokens=1', maxTokens: 1 });
        return 1e8 - Number(headers['x-ratelimit-remaining-tokens']);
      };
      const reservation = await probe();

      const random = new Random(7);
      const leavers = [jsonLeaver(gateway.port), grpcLeaver(gateway.port)];
      let left = streams;
      const caller = async () => {
        while (left-- > 0) {
          // Each answer has a length of its own, by which its record and the provider's are found.
          const model = `${random.pick(['openai', 'claude', 'gem'])}/sim:tokens=${20 + left},tps=1000`;
          const call = random.pick(leavers).call(model, true);
          // Some leave at once, some amid the answer, some stay to the end.
          const pieces = random.pick([0, random.integer(1, 40), Number.POSITIVE_INFINITY]);
          const leaves = setInterval(() => call.pieces >= pieces && call.leave(), random.integer(1, 20));
          await call.over;
          clearInterval(leaves);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, caller));
      for (const leaver of leavers) leaver.close();
      await expect.poll(() => simulator.requests().open).toBe(0);
      // Of some the request never came whole, and nobody was called.
      let seen = -1;
      const lines = () => gateway.log.filter(({ msg }) => msg === 'call') as unknown as CallLine[];
      await expect
        .poll(
          () => {
            const before = seen;
            seen = lines().length;
            return seen === before;
          },
          { interval: 300, timeout: 15_000 },
        )
        .toBe(true);

      const ledger = new Map(simulator.requests().requests.map((entry) => [entry.completion_tokens, entry]));
      const attempts = lines().flatMap((line) => line.attempts ?? []);
      const tally = { told: 0, soFar: 0, estimated: 0 };
      for (const { model, usage_partial, usage_estimated, ...attempt } of attempts) {
        const entry = ledger.get(Number(/tokens=(\d+)/.exec(model)?.[1]));
        if (usage_estimated || attempt.prompt_tokens === undefined) {
          tally.estimated++;
          continue;
        }
        expect(attempt.prompt_tokens).toBe(entry?.prompt_tokens);
        if (usage_partial) {
          tally.soFar++;
          expect(attempt.completion_tokens).toBeLessThanOrEqual(entry?.completion_tokens ?? 0);
        } else {
          tally.told++;
          expect(attempt.completion_tokens).toBe(entry?.completion_tokens);
        }
      }
      for (const count of Object.values(tally)) expect(count).toBeGreaterThan(0);
      const known = attempts.reduce((sum, each) => sum + (each.prompt_tokens ?? 0) + (each.completion_tokens ?? 0), 0);
      await expect.poll(async () => (await probe()) - reservation - known, { interval: 100 }).toBeLessThanOrEqual(60);
      // What probes used since is all that there is beside it: the first one is among the records.
      const { prompt_tokens = 0, completion_tokens = 0 } = attempts[0] ?? {};
      const beyond = (await probe()) - reservation - known;
      expect(beyond % (prompt_tokens + completion_tokens)).toBe(0);

      if (redis === undefined) return;
      const ready = Promise.withResolvers<void>();
      const connection = connectRedis({ url: redis.url, failed: ready.reject, ready: () => ready.resolve() });
      await ready.promise;
      const options = { prefix: 'llmbridge:', leaseMs: 1e6, epochGuardMs: 0, clock: systemClock };
      const store = new RedisRateLimiter({ redis: connection, ...options });
      const subject: Subject = { tier: 'ip', name: '127.0.0.1', limits: { concurrent: 1_000 } };
      await expect.poll(async () => (await store.show(subject)).concurrent).toBe(0);
      store.close();
      connection.disconnect();
    },
    60_000,
  );
});
