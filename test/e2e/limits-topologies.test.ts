import { afterEach, describe, expect, test } from 'vitest';
import {
  type RedisTopology,
  startCluster,
  startSentinels,
  startStandalone,
} from '../../src/stores/testing/redis-topologies.ts';
import { type Held, type LimitedGateways, startLimitedGateways } from '../support/limited-gateways.ts';
import { type Asked, overGrpc, overJson, usersYaml } from '../support/limits-bench.ts';
import { suite } from '../support/parts.ts';

// A thousand callers at once, against limits of every measure, on each kind of store.

const limits = `rate_limit:
  store_timeout: 20s
  global: { requests: 200/h }
  ip: { requests: 200/h }
  user: { overrides: { alice: { requests: 100/h }, bob: { tokens: 2000/h }, carol: { concurrent: 30 } } }
`;

suite('a thousand callers at once', ['redis-server'], () => {
  let gateways: LimitedGateways;
  let topology: RedisTopology | undefined;
  afterEach(async () => {
    await gateways.stop();
    await topology?.stop();
  });

  describe.each([
    ['memory, one instance of two workers', undefined, 1, 2],
    ['one Redis, two instances of two workers', startStandalone, 2, 2],
    ['Sentinel, two instances of two workers', startSentinels, 2, 2],
    ['a cluster, two instances of two workers', startCluster, 2, 2],
  ] as const)('%s', (_name, start, instances, workers) => {
    test('exactly as many come in as each limit lets, and refusals take nothing of the others', async () => {
      topology = await start?.();
      const redis = topology === undefined ? '' : `redis: ${topology.yaml}\n`;
      gateways = await startLimitedGateways(
        `${limits}${redis}${usersYaml('alice', 'bob', 'carol')}`,
        instances,
        workers,
      );
      const via = (i: number) => gateways.at(i % instances);
      const ask = (count: number, asked: Asked) =>
        Array.from({ length: count }, (_, i) => (i % 4 < 2 ? overJson : overGrpc)(via(i), asked));
      const admitted = async (told: ReturnType<typeof ask>) => (await Promise.all(told)).filter(({ ok }) => ok).length;

      const { headers } = await overJson(via(0), { user: 'bob', maxTokens: 80, model: 'up/sim:tokens=80' });
      const cost = 2000 - Number(headers['x-ratelimit-remaining-tokens']);
      expect(cost).toBeGreaterThan(80);
      const used = () => gateways.simulator.requests().usage.total_tokens;
      const first = used();

      const carol = Array.from({ length: 300 }, (_, i) => gateways.hold(via(i), 'carol'));
      const bob = Array.from({ length: 300 }, (_, i) => gateways.hold(via(i), 'bob', 80));
      expect(await admitted(ask(400, { user: 'alice' }))).toBe(100);
      // Reserved is what an answer may cost at most; the first one had been trued up by then.
      const byTokens = Math.floor((2000 - first) / cost);
      const refused = (held: readonly Held[]) => held.filter(({ told }) => told() !== undefined).length;
      await expect.poll(() => refused(carol), { timeout: 15_000 }).toBe(270);
      await expect.poll(() => refused(bob), { timeout: 15_000 }).toBe(300 - byTokens);
      const held = [...carol, ...bob];
      expect(new Set(held.flatMap(({ told }) => told() ?? []))).toEqual(new Set([429]));
      expect(gateways.simulator.requests().open).toBe(30 + byTokens);
      for (const { release } of held) release();
      await expect.poll(() => gateways.simulator.requests().open, { timeout: 10_000 }).toBe(0);

      // 870 refusals later, all and the address have what the 130 and those by tokens left of 200.
      const left = 200 - (1 + 100 + byTokens + 30);
      expect(await admitted(ask(left + 100, {}))).toBe(left);
      const { quota } = await overGrpc(via(1), {});
      expect(quota).toHaveLength(2);
    }, 90_000);
  });
});
