import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createSimulatorServer, type SimulatorServer } from '../../src/simulator/server.ts';
import { type RedisServer, startRedis } from '../../src/stores/testing/redis-server.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { suite } from '../support/parts.ts';
import { type Sealed, SealedCaller } from '../support/sealed-caller.ts';
import { sealedSurfaces } from '../support/sealed-surfaces.ts';

// A sealed call is served once, over two gateways on one Redis, whatever is done to either.

const secret = randomBytes(32);
const caller = new SealedCaller(secret, 'k1');
const { all: surfaces, json } = sealedSurfaces({ caller, headers: {}, word: 'word' });
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

suite('replays', ['redis-server'], () => {
  let redis: RedisServer;
  let admin: Redis;
  let simulator: SimulatorServer;
  const gateways: TestGateway[] = [];

  beforeAll(async () => {
    redis = await startRedis('--maxmemory-policy', 'noeviction');
    admin = new Redis(redis.url);
    admin.on('error', () => {});
    simulator = await createSimulatorServer();
  });
  afterAll(async () => {
    admin.disconnect();
    await redis.stop();
    await simulator.close();
  });
  beforeEach(async () => {
    await admin.flushall();
    simulator.reset();
  });
  afterEach(async () => {
    await Promise.all(gateways.splice(0).map((gateway) => gateway.stop()));
  });

  const start = async (sealing = '', limits = '') => {
    const gateway = await startGateway(`
providers: { up: { type: openai-compatible, base_url: "http://127.0.0.1:${simulator.port}/v1" } }
redis: { url: "${redis.url}" }
rate_limit: { store_timeout: 5s, ${limits} }
security: { sealing: { ${sealing} keys: [{ id: k1, secret: "${secret.toString('base64')}" }] } }`);
    gateways.push(gateway);
    return gateway;
  };
  const two = async (sealing = '', limits = '') => {
    const both = await Promise.all([start(sealing, limits), start(sealing, limits)]);
    return [both[0].url, both[1].url] as const;
  };
  const seal = (model = 'up/sim') => json.seal(false, model);
  const send = async (url: string, sealed: Sealed) => {
    const { reason } = await json.send(url, false, sealed);
    return reason || 'served';
  };
  const served = () => simulator.requests().requests.length;
  /** A sealed call is taken again: what was issued before the store's new epoch is not. */
  const takenAgain = (url: string) =>
    expect.poll(async () => send(url, await seal()), { timeout: 5_000, interval: 200 }).toBe('served');

  test.each(surfaces)('over $name are refused at once, by either gateway', async (surface) => {
    const [a, b] = await two();
    const sealed = await surface.seal(false, 'up/sim');
    expect(await surface.send(a, false, sealed)).toMatchObject({ reason: '', whole: true });
    for (const url of [b, a, b])
      expect(await surface.send(url, false, sealed)).toMatchObject({ reason: 'SEAL_REPLAYED' });
    expect(served()).toBe(1);
  });

  test('at once on many connections to both: one is served', async () => {
    const urls = await two('', 'global: { requests: 1000000/d }');
    const sealed = await seal();
    const told = await Promise.all(Array.from({ length: 1_000 }, (_, i) => send(urls[i % 2] ?? urls[0], sealed)));
    expect(told.filter((each) => each === 'served')).toHaveLength(1);
    expect(told.filter((each) => each === 'SEAL_REPLAYED')).toHaveLength(999);
    expect(served()).toBe(1);
  });

  test('late ones are too old, and their nonces are not kept for ever', async () => {
    const [a, b] = await two('window: 2s,');
    const sealed = await seal();
    expect(await send(a, sealed)).toBe('served');
    const told = new Set<string>();
    const until = Date.now() + 4_000;
    while (Date.now() < until) {
      told.add(await send(b, sealed));
      await pause(50);
    }
    expect(told).toEqual(new Set(['SEAL_REPLAYED', 'SEAL_EXPIRED']));
    await expect.poll(() => admin.keys('*nonce*'), { timeout: 5_000 }).toEqual([]);
    expect(served()).toBe(1);
  });

  test('after a gateway was started anew', async () => {
    const first = await start();
    const sealed = await seal();
    expect(await send(first.url, sealed)).toBe('served');
    await gateways.pop()?.stop();
    const next = await start();
    expect(await send(next.url, sealed)).toBe('SEAL_REPLAYED');
    // Redis remembers, so nothing else that was issued before is refused.
    const before = await seal();
    await next.stop();
    gateways.length = 0;
    expect(await send((await start()).url, before)).toBe('served');
  });

  test.each<[string, () => Promise<unknown>]>([
    ['emptied', () => admin.flushall()],
    ['started anew', () => redis.restart()],
  ])('after Redis was %s', async (_how, lose) => {
    const [a, b] = await two();
    const taken = await seal();
    const never = await seal();
    expect(await send(a, taken)).toBe('served');
    await lose();
    await takenAgain(b);
    for (const sealed of [taken, never]) for (const url of [a, b]) expect(await send(url, sealed)).toBe('SEAL_EXPIRED');
    const count = served();
    const next = await seal();
    expect([await send(a, next), await send(b, next)]).toEqual(['served', 'SEAL_REPLAYED']);
    expect(served()).toBe(count + 1);
  });

  test('a call over a limit may be sent again as it is, and a replay uses up nothing', async () => {
    const [a, b] = await two('', 'global: { concurrent: 1 }, ip: { requests: 4/d }');
    const slow = send(a, await seal('up/sim:ttft=600ms'));
    await expect.poll(() => simulator.requests().open).toBe(1);
    const waiting = await seal();
    for (const url of [a, b]) expect(await send(url, waiting)).toBe('RATE_LIMIT_EXCEEDED');
    expect(await slow).toBe('served');
    await expect.poll(() => send(b, waiting), { timeout: 5_000 }).toBe('served');
    for (let i = 0; i < 10; i++) expect(await send(i % 2 ? a : b, waiting)).toBe('SEAL_REPLAYED');
    expect([await send(a, await seal()), await send(b, await seal())]).toEqual(['served', 'served']);
    expect(await send(a, await seal())).toBe('RATE_LIMIT_EXCEEDED');
    expect(served()).toBe(4);
  });

  test('without Redis sealed calls are refused, or taken once by each gateway, as the file says', async () => {
    const [closed] = await two();
    const open = await start('on_outage: open,');
    expect([await send(closed, await seal()), await send(open.url, await seal())]).toEqual(['served', 'served']);
    const away = await seal();
    redis.signal('SIGKILL');
    await expect.poll(async () => send(closed, await seal()), { timeout: 5_000 }).toBe('ADMISSION_UNAVAILABLE');
    expect(await send(closed, away)).toBe('ADMISSION_UNAVAILABLE');
    // What it remembers by itself begins at a whole second.
    await expect.poll(async () => send(open.url, await seal()), { timeout: 5_000 }).toBe('served');
    const sealed = await seal();
    expect([await send(open.url, sealed), await send(open.url, sealed)]).toEqual(['served', 'SEAL_REPLAYED']);
    await send(closed, await seal());
    expect(await (await fetch(`${closed}/health`)).text()).toContain('sealed calls are refused');
    await redis.restart();
    await takenAgain(closed);
    expect(await send(closed, away)).toBe('SEAL_EXPIRED');
  });

  test('a server that does not say who it is takes none, and the log says why', async () => {
    await admin.acl('SETUSER', 'mute', 'on', '>word', '~*', '+@all', '-info');
    const url = redis.url.replace('redis://', 'redis://mute:word@');
    const gateway = await startGateway(`
providers: { up: { type: openai-compatible, base_url: "http://127.0.0.1:${simulator.port}/v1" } }
redis: { url: "${url}" }
security: { sealing: { keys: [{ id: k1, secret: "${secret.toString('base64')}" }] } }`);
    gateways.push(gateway);
    expect(await send(gateway.url, await seal())).toBe('ADMISSION_UNAVAILABLE');
    expect(gateway.log).toEqual(
      expect.arrayContaining([expect.objectContaining({ event: 'config_warning', path: 'redis' })]),
    );
    expect(served()).toBe(0);
  });
});
