import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createSimulatorServer, type SimulatorServer } from '../../src/simulator/server.ts';
import { type RedisServer, startRedis } from '../../src/stores/testing/redis-server.ts';
import { startCluster, startSentinels } from '../../src/stores/testing/redis-topologies.ts';
import { type Asked, cacheCallers } from '../support/cache-callers.ts';
import { spawnGateway, startGateway, type TestGateway } from '../support/gateway.ts';
import { suite } from '../support/parts.ts';

// The response cache of two gateways on one Redis.

suite('the cache in Redis', ['redis-server'], () => {
  let server: RedisServer;
  let redis: Redis;
  let simulator: SimulatorServer;
  let gateways: TestGateway[];
  beforeAll(async () => {
    server = await startRedis();
    redis = new Redis(server.url);
    redis.on('error', () => {});
  });
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });
  beforeEach(async () => {
    await redis.flushall();
    simulator = await createSimulatorServer();
    gateways = [await startGateway(config()), await startGateway(config())];
  });
  afterEach(async () => {
    for (const gateway of gateways) await gateway.stop();
    await simulator.close();
  });

  const config = () => `
providers: { up: { type: openai-compatible, base_url: "http://127.0.0.1:${simulator.port}/v1" } }
models:
  - { name: slow, targets: [{ provider: up, model: "sim:tokens=30,ttft=400ms,tps=100" }] }
  - { name: quick, targets: [{ provider: up, model: "sim:tokens=30" }] }
cache: { enabled: true, lease: 1s, store_timeout: 2s }
redis: { url: "${server.url}" }
`;
  const ask = (at: number, by: string, { content = 'hi', model = 'slow', signal }: Partial<Asked> = {}) => {
    const caller = cacheCallers.find(({ name }) => name === by);
    const gateway = gateways[at];
    if (caller === undefined || gateway === undefined) throw new Error('nobody there');
    return caller.ask(gateway.port, { model, content, ...(signal && { signal }) });
  };
  const quick = { model: 'quick' };
  const asked = () => simulator.requests().requests.length;
  const answers = () => redis.keys('llmbridge:{cache}:answer:*');
  const metric = async (gateway: TestGateway | undefined, name: string) => {
    const text = await (await fetch(`${gateway?.url}/metrics`)).text();
    return Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.split(' ')[1] ?? 0,
    );
  };

  test('a hundred equal calls at once over both are one call of the provider', async () => {
    const all = await Promise.all(
      Array.from({ length: 100 }, (_, i) => ask(i % 2, cacheCallers[i % cacheCallers.length]?.name ?? '')),
    );
    expect(asked()).toBe(1);
    const [first] = all;
    expect(first?.content).not.toBe('');
    for (const got of all) {
      expect([got.failure, got.content, got.finish, got.usage]).toEqual(['', first?.content, 'stop', first?.usage]);
    }
    expect(all.filter(({ attempts }) => attempts === 1)).toHaveLength(1);
    expect(await answers()).toHaveLength(1);
    await expect.poll(() => redis.keys('llmbridge:{cache}:claim:*')).toEqual([]);
    // What one had is the other's, and outlives it.
    for (const by of ['JSON', 'grpc-js, streamed']) {
      expect(await ask(1, by)).toMatchObject({ cache: 'hit', content: first?.content });
      expect(await ask(0, by)).toMatchObject({ cache: 'hit', content: first?.content });
    }
    expect(asked()).toBe(1);
  });

  test('when the one who asked goes away, or its process dies, the next one asks', async () => {
    const leaving = new AbortController();
    const first = ask(0, 'SSE', { signal: leaving.signal });
    await expect.poll(asked).toBe(1);
    const second = ask(1, 'JSON');
    await expect.poll(() => metric(gateways[1], 'llmbridge_cache_waits_total{where="store"}')).toBe(1);
    leaving.abort();
    await first;
    expect(await second).toMatchObject({ cache: 'miss', failure: '', attempts: 1 });
    expect(simulator.requests().requests.map(({ outcome }) => outcome)).toEqual(['left', 'whole']);

    const doomed = await spawnGateway(config());
    const lost = fetch(`${doomed.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'slow', messages: [{ role: 'user', content: 'again' }] }),
    }).catch(() => undefined);
    await expect.poll(asked).toBe(3);
    const waits = ask(1, 'JSON', { content: 'again' });
    await expect.poll(() => metric(gateways[1], 'llmbridge_cache_waits_total{where="store"}')).toBe(2);
    doomed.child.kill('SIGKILL');
    await lost;
    expect(await waits).toMatchObject({ cache: 'miss', failure: '', attempts: 1 });
    expect(asked()).toBe(4);
  });

  test('an entry that was changed, cut or put elsewhere is no answer, and is replaced', async () => {
    const original = await ask(0, 'JSON', quick);
    await expect.poll(answers).toHaveLength(1);
    const [key = ''] = await answers();
    const whole = await redis.getBuffer(key);
    if (whole === null) throw new Error('nothing was kept');
    await ask(0, 'JSON', { ...quick, content: 'another question' });
    const other = (await answers()).find((each) => each !== key) ?? '';
    const foreign = await redis.getBuffer(other);
    const changed = Buffer.from(whole);
    changed[whole.length - 10] = (changed[whole.length - 10] ?? 0) ^ 32;
    let before = asked();
    for (const poison of [Buffer.from('garbage'), whole.subarray(0, whole.length - 1), changed, foreign ?? '', '']) {
      await redis.set(key, poison);
      const got = await ask(1, 'JSON', quick);
      expect(got).toMatchObject({ cache: 'miss', content: original.content });
      expect(asked()).toBe(++before);
      await expect.poll(async () => (await ask(0, 'SSE', quick)).cache).toBe('hit');
    }
    expect(await metric(gateways[1], 'llmbridge_cache_store_failures_total{reason="corrupt"}')).toBeGreaterThanOrEqual(
      5,
    );
  });

  test('without Redis every call is answered all the same, and with it again they are kept again', async () => {
    await ask(0, 'JSON', quick);
    await expect.poll(async () => (await ask(0, 'JSON', quick)).cache).toBe('hit');
    server.signal('SIGKILL');
    await expect.poll(async () => (await ask(0, 'JSON', quick)).cache).toBe('miss');
    const before = asked();
    const all = await Promise.all(Array.from({ length: 20 }, () => ask(0, 'JSON')));
    expect(all.every(({ failure }) => failure === '')).toBe(true);
    // In one process they are one call yet.
    expect(asked()).toBe(before + 1);
    await server.restart();
    await expect.poll(async () => (await ask(0, 'JSON', quick)).cache, { timeout: 8_000 }).toBe('hit');
  });
});

suite('the cache in Redis by Sentinel, or in a cluster', ['redis-server'], () => {
  test.each([
    ['Sentinel', startSentinels],
    ['a cluster', startCluster],
  ])('%s: equal calls over two gateways are one, and the answer is kept for both', async (_name, start) => {
    const topology = await start();
    const simulator = await createSimulatorServer();
    const config = `
providers: { up: { type: openai-compatible, base_url: "http://127.0.0.1:${simulator.port}/v1" } }
cache: { enabled: true, store_timeout: 5s }
redis: ${topology.yaml}
`;
    const gateways: TestGateway[] = [];
    try {
      for (let i = 0; i < 2; i++) gateways.push(await startGateway(config));
      // Connections may be under way yet: each question is another one.
      let question = 0;
      const ask = async (at: number, content: string) => {
        const asked = { model: 'up/sim:ttft=300ms', content };
        const got = await cacheCallers[(at * 5 + 1) % cacheCallers.length]?.ask(gateways[at % 2]?.port ?? 0, asked);
        return got?.failure || got?.cache;
      };
      await expect
        .poll(
          async () => {
            question++;
            await ask(0, `question ${question}`);
            return ask(1, `question ${question}`);
          },
          { timeout: 15_000 },
        )
        .toBe('hit');
      const before = simulator.requests().requests.length;
      const all = await Promise.all(Array.from({ length: 40 }, (_, i) => ask(i, 'of all')));
      expect(simulator.requests().requests.length).toBe(before + 1);
      expect(all.filter((result) => result === 'miss')).toHaveLength(1);
      expect(await Promise.all([ask(0, 'of all'), ask(1, 'of all')])).toEqual(['hit', 'hit']);
    } finally {
      for (const gateway of gateways) await gateway.stop();
      await simulator.close();
      await topology.stop();
    }
  });
});
