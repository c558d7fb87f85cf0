import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type RedisServer, startRedis } from '../../src/stores/testing/redis-server.ts';
import { spawnGateway } from '../support/gateway.ts';
import {
  type Asked,
  type LimitsBench,
  openLimitsBench,
  overGrpc,
  overJson,
  type Told,
  usersYaml,
} from '../support/limits-bench.ts';
import { suite } from '../support/parts.ts';

// Limits over two gateways on one Redis, and what becomes of them when that goes.

suite('limits in Redis', ['redis-server'], () => {
  let redis: RedisServer;
  let bench: LimitsBench;
  beforeAll(async () => {
    redis = await startRedis('--maxmemory-policy', 'noeviction');
  });
  afterAll(() => redis.stop());
  beforeEach(() => redis.restart());
  afterEach(() => bench.stop());

  const open = async (limits: string, instances = 2) => {
    bench = await openLimitsBench(
      `rate_limit: { store_timeout: 5s, ${limits} }\nredis: { url: "${redis.url}" }\n${usersYaml('alice', 'bob', 'carol')}`,
      instances,
    );
  };
  const askAll = (count: number, asked: (i: number) => Asked): Promise<Told[]> =>
    Promise.all(
      Array.from({ length: count }, (_, i) => {
        const gateway = bench.gateways[i % bench.gateways.length] ?? bench.gateway;
        return (i % 4 < 2 ? overJson : overGrpc)(gateway, asked(i));
      }),
    );
  const admitted = (told: readonly Told[]) => told.filter(({ ok }) => ok).length;
  const health = async () => {
    const response = await fetch(`${bench.gateway.url}/health`);
    const { components } = (await response.json()) as { components: { name: string; status: string }[] };
    return components.find(({ name }) => name === 'redis')?.status;
  };

  test('of 400 callers at once on two gateways, exactly as many come in as the limit lets', async () => {
    await open('global: { requests: 250/h }, user: { requests: 90/h, concurrent: 400 }');
    const told = await askAll(400, (i) => ({ user: i % 2 === 0 ? 'alice' : 'bob' }));
    expect(admitted(told)).toBe(180);
    const refused = told.filter(({ ok }) => !ok);
    expect(new Set(refused.map(({ reason }) => reason.toLowerCase().replace('_exceeded', '')))).toEqual(
      new Set(['rate_limit', 'rate_limited']),
    );
    // Refusals took nothing of what is left for all.
    expect(admitted(await askAll(100, () => ({})))).toBe(70);
    expect(bench.simulator.requests().requests).toHaveLength(250);
  });

  test('reserved tokens and places hold over both gateways', async () => {
    await open('user: { tokens: 2000/h, concurrent: 30 }');
    const slow = { maxTokens: 80, model: 'up/sim:ttft=1500ms,tokens=80' };
    const { headers } = await overJson(bench.gateway, { ...slow, user: 'carol' });
    const cost = 2000 - Number(headers['x-ratelimit-remaining-tokens']);
    expect(cost).toBeGreaterThan(80);
    expect(admitted(await askAll(100, () => ({ ...slow, user: 'alice' })))).toBe(Math.floor(2000 / cost));
    expect(admitted(await askAll(60, () => ({ user: 'bob', model: 'up/sim:ttft=1500ms', maxTokens: 1 })))).toBe(30);
  });

  test('what is counted is what was used', async () => {
    await open('user: { tokens: 100000/h }');
    const probe = { user: 'alice', maxTokens: 50 };
    const used = async () => {
      const { headers } = await overJson(bench.gateway, probe);
      return 100_000 - Number(headers['x-ratelimit-remaining-tokens']);
    };
    const reservation = await used();
    await askAll(60, (i) => ({
      user: 'alice',
      stream: i % 3 === 0,
      model: `up/sim:tokens=${20 + 7 * i}`,
      maxTokens: 100,
    }));
    expect(bench.simulator.requests().usage.total_tokens).toBeGreaterThan(1_000);
    // Settlements are not waited for.
    const astray = async () => {
      const { total_tokens } = bench.simulator.requests().usage;
      return (await used()) - reservation - total_tokens;
    };
    await expect.poll(astray, { interval: 200 }).toBe(0);
  });

  test('without it, each tier does as the file says, and nobody waits; back again, it counts again', async () => {
    await open(
      'instances: 2, on_outage: { global: open, user: local, ip: open }, global: { requests: 100/h }, user: { requests: 40/h }',
    );
    expect(admitted(await askAll(10, () => ({ user: 'alice' })))).toBe(10);
    redis.signal('SIGKILL');
    await expect
      .poll(async () => {
        await askAll(8, () => ({}));
        return health();
      })
      .toMatch(/DEGRADED|degraded/);
    // Twenty on each gateway, whichever had the ten of before.
    expect(admitted(await askAll(100, () => ({ user: 'bob' })))).toBe(40);
    const text = await (await fetch(`${bench.gateway.url}/metrics`)).text();
    expect(text).toContain('llmbridge_rate_limit_store_up 0');
    expect(text).toMatch(/llmbridge_rate_limit_fallbacks_total\{tier="user",mode="local"\} [1-9]/);
    await redis.restart();
    await expect
      .poll(
        async () => {
          await askAll(4, () => ({}));
          return health();
        },
        { timeout: 5_000 },
      )
      .toMatch(/SERVING|serving|ok/);
    // What bob used meanwhile was handed over.
    await expect.poll(async () => admitted(await askAll(2, () => ({ user: 'bob' })))).toBe(0);
    expect(bench.gateway.log.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['limit_store_out', 'limit_store_back']),
    );
  });

  test('places of an instance that is killed are free again within their lease, and not before', async () => {
    await open('lease: 2s, user: { concurrent: 3 }', 1);
    const { simulator, gateway } = bench;
    const doomed = await spawnGateway(
      `providers: { up: { type: openai-compatible, base_url: "http://127.0.0.1:${simulator.port}/v1" } }
rate_limit: { store_timeout: 5s, lease: 2s, user: { concurrent: 3 } }\nredis: { url: "${redis.url}" }\n${usersYaml('alice')}`,
    );
    const slow = { user: 'alice', model: 'up/sim:ttft=60s' };
    const lost = [1, 2, 3].map(() => overJson(doomed, slow).catch(() => 'gone'));
    await expect.poll(() => simulator.requests().open).toBe(3);
    expect((await overJson(gateway, { user: 'alice' })).ok).toBe(false);
    // Longer than a lease: they are renewed.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect((await overJson(gateway, { user: 'alice' })).ok).toBe(false);
    doomed.child.kill('SIGKILL');
    const killedAt = performance.now();
    expect(await Promise.all(lost)).toEqual(['gone', 'gone', 'gone']);
    await expect.poll(async () => (await overJson(gateway, { user: 'alice' })).ok, { timeout: 5_000 }).toBe(true);
    const freeAfter = performance.now() - killedAt;
    // Last renewed up to a third of a lease before.
    expect(freeAfter).toBeGreaterThan(1_200);
    expect(freeAfter).toBeLessThan(3_500);
  });

  test('a store that says nothing holds nobody up', async () => {
    bench = await openLimitsBench(
      `rate_limit: { user: { requests: 40/h }, on_outage: { user: closed } }\nredis: { url: "${redis.url}" }\n${usersYaml('alice')}`,
    );
    expect((await overJson(bench.gateway, { user: 'alice' })).ok).toBe(true);
    redis.signal('SIGSTOP');
    const waits: number[] = [];
    for (let i = 0; i < 6; i++) {
      const from = performance.now();
      const told = await overJson(bench.gateway, { user: 'alice' });
      waits.push(performance.now() - from);
      expect(told).toMatchObject({ ok: false, status: 503, reason: 'admission_unavailable' });
    }
    redis.signal('SIGCONT');
    await expect.poll(async () => (await overJson(bench.gateway, { user: 'alice' })).ok, { timeout: 5_000 }).toBe(true);
    // Three wait, the breaker spares the others; the bound is far above the 50 ms for the sake of busy machines.
    expect(waits.filter((ms) => ms > 45).length).toBeLessThanOrEqual(4);
    expect(Math.max(...waits)).toBeLessThan(1_000);
  });

  test('a gateway starts without it, and a full one is as good as none', async () => {
    const small = await startRedis('--maxmemory-policy', 'noeviction');
    small.signal('SIGSTOP');
    bench = await openLimitsBench(
      `rate_limit: { user: { requests: 5/h }, on_outage: { user: local } }\nredis: { url: "${small.url}" }\n${usersYaml('alice', 'bob', 'carol')}`,
    );
    expect(admitted(await askAll(20, () => ({ user: 'alice' })))).toBe(5);
    small.signal('SIGCONT');
    await expect
      .poll(
        async () => {
          await askAll(1, () => ({ user: 'alice' }));
          return health();
        },
        { timeout: 5_000 },
      )
      .toMatch(/SERVING|serving|ok/);
    const server = new Redis(small.url);
    await server.config('SET', 'maxmemory', '1');
    await askAll(20, () => ({ user: 'bob' }));
    await expect.poll(health).toMatch(/DEGRADED|degraded/);
    expect(admitted(await askAll(20, () => ({ user: 'carol' })))).toBe(5);
    await server.config('SET', 'maxmemory', '0');
    const back = async () => {
      await askAll(1, () => ({ user: 'carol' }));
      return health();
    };
    await expect.poll(back, { timeout: 5_000 }).toMatch(/SERVING|serving|ok/);
    await expect.poll(async () => (await overJson(bench.gateway, { user: 'carol' })).ok).toBe(false);
    server.disconnect();
    await small.stop();
  });

  test('readiness may hang on it, and needs no calls to come back', async () => {
    redis.signal('SIGKILL');
    await open('ready_on_outage: false, user: { requests: 5/h }', 1);
    const ready = async () => (await fetch(`${bench.gateway.url}/health/ready`)).status;
    expect(await ready()).toBe(503);
    await redis.restart();
    await expect.poll(ready, { timeout: 5_000 }).toBe(200);
    const server = new Redis(redis.url);
    try {
      await server.config('SET', 'maxmemory', '1');
      await expect.poll(ready, { timeout: 5_000 }).toBe(503);
      expect((await overJson(bench.gateway, { user: 'alice' })).ok).toBe(true);
      expect((await fetch(`${bench.gateway.url}/health/live`)).status).toBe(200);
      await server.config('SET', 'maxmemory', '0');
      await expect.poll(ready, { timeout: 5_000 }).toBe(200);
    } finally {
      server.disconnect();
    }
  });

  test('a server that may forget counts is told of', async () => {
    const careless = await startRedis('--maxmemory-policy', 'allkeys-lru');
    bench = await openLimitsBench(`rate_limit: { ip: { requests: 9/m } }\nredis: { url: "${careless.url}" }`);
    await expect
      .poll(() => bench.gateway.log.some(({ event, path }) => event === 'config_warning' && path === 'redis'))
      .toBe(true);
    await careless.stop();
  });
});
