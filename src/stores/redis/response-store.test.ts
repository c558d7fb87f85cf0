import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { suite } from '../../../test/support/parts.ts';
import { systemClock } from '../../kernel/clock.ts';
import type { CacheStoreFailure } from '../../kernel/response-cache.ts';
import { type RedisServer, startRedis } from '../testing/redis-server.ts';
import { connectRedis } from './connection.ts';
import { frameKept, unframeKept } from './kept-frame.ts';
import { cachePrefix, RedisResponseStore } from './response-store.ts';

const kept = { bytes: randomBytes(300), storedAt: 1_800_000_000_000, expiresAt: 1_800_000_060_000 };

describe('an entry', () => {
  test('comes out as it went in', () => {
    expect(unframeKept('k', frameKept('k', kept))).toEqual(kept);
    expect(unframeKept('k', frameKept('k', { ...kept, bytes: Buffer.alloc(0) }))?.bytes).toHaveLength(0);
  });

  test('that was changed in any byte, cut or lengthened is none, nor one that lay elsewhere', () => {
    const frame = frameKept('k', kept);
    for (let at = 0; at < frame.length; at++) {
      const changed = Buffer.from(frame);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(unframeKept('k', changed)).toBeUndefined();
      expect(unframeKept('k', frame.subarray(0, at))).toBeUndefined();
    }
    expect(unframeKept('k', Buffer.concat([frame, Buffer.from('x')]))).toBeUndefined();
    expect(unframeKept('l', frame)).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (any) => unframeKept('k', Buffer.from(any)) === undefined),
    );
  });
});

suite('answers in Redis', ['redis-server'], () => {
  let server: RedisServer;
  const connections: Redis[] = [];
  const stores: RedisResponseStore[] = [];
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(async () => {
    for (const store of stores) await store.close();
    for (const redis of connections) redis.disconnect();
    await server.stop();
  });

  const connect = () =>
    new Promise<Redis>((resolve, reject) => {
      const redis = connectRedis({ url: server.url, failed: reject, ready: () => resolve(redis) });
      redis.on('error', () => {});
      connections.push(redis);
    });
  async function open(name: string, { leaseMs = 10_000, timeoutMs = 5_000 } = {}) {
    const failures: CacheStoreFailure[] = [];
    const redis = await connect();
    const prefix = cachePrefix(`${name}:`);
    const store = new RedisResponseStore({
      redis,
      prefix,
      timeoutMs,
      leaseMs,
      clock: systemClock,
      events: { storeFailed: (why) => failures.push(why) },
    });
    stores.push(store);
    return { store, redis, failures, keyOf: (key: string) => `${prefix}answer:${key}` };
  }

  test('are there for every instance, for their time', async () => {
    const [a, b] = [await open('shared'), await open('shared')];
    expect(await b.store.get('k')).toBeUndefined();
    a.store.put('k', kept.bytes, 60_000);
    expect((await a.store.get('k'))?.bytes).toEqual(kept.bytes);
    expect((await b.store.get('k'))?.bytes).toEqual(kept.bytes);
    expect(await a.redis.pttl(a.keyOf('k'))).toBeGreaterThan(55_000);
    a.store.put('short', kept.bytes, 30);
    await expect.poll(() => b.store.get('short')).toBeUndefined();
    expect(a.failures).toEqual([]);
  });

  test('that make no sense are refused and taken out', async () => {
    const { store, redis, failures, keyOf } = await open('garbage');
    store.put('whole', kept.bytes, 60_000);
    const whole = await redis.getBuffer(keyOf('whole'));
    if (whole === null) throw new Error('not there');
    const garbage: Record<string, Buffer | string> = {
      text: 'not an entry',
      empty: '',
      half: whole.subarray(0, whole.length / 2),
      moved: whole,
      newer: Buffer.concat([Buffer.from([9]), whole.subarray(1)]),
    };
    for (const [key, value] of Object.entries(garbage)) {
      await redis.set(keyOf(key), value);
      expect(await store.get(key)).toBeUndefined();
      await expect.poll(() => redis.exists(keyOf(key))).toBe(0);
    }
    // Of another type than any answer's.
    await redis.lpush(keyOf('list'), 'x');
    expect(await store.get('list')).toBeUndefined();
    expect(failures).toEqual([...Object.keys(garbage).map(() => 'corrupt'), 'error']);
    expect((await store.get('whole'))?.bytes).toEqual(kept.bytes);
  });

  test('are claimed by one at a time, and whoever claims next finds what was put', async () => {
    const two = [await open('claims'), await open('claims')];
    const turns = await Promise.all(Array.from({ length: 20 }, (_, i) => two[i % 2]?.store.claim('k')));
    expect(turns.filter((turn) => turn?.ours)).toHaveLength(1);
    const [holder, other] = turns.findIndex((turn) => turn?.ours) % 2 === 0 ? two : two.toReversed();
    other?.store.release('k', false);
    expect(await other?.store.claim('k')).toEqual({ kept: undefined, ours: false });
    holder?.store.put('k', kept.bytes, 60_000);
    holder?.store.release('k', false);
    await expect.poll(async () => (await other?.store.claim('k'))?.kept?.bytes).toEqual(kept.bytes);
    other?.store.release('k', false);
  });

  test('that are not kept are waited for no longer: all who look ask by themselves', async () => {
    const [holder, other] = [await open('unkept'), await open('unkept')];
    await holder.store.claim('k');
    expect((await other.store.claim('k')).ours).toBe(false);
    holder.store.release('k', true);
    await expect.poll(async () => (await other.store.claim('k')).ours).toBe(true);
    expect((await holder.store.claim('k')).ours).toBe(true);
    other.store.release('k', false);
    holder.store.release('k', true);
    await expect.poll(() => holder.redis.keys('unkept:*'), { timeout: 3_000 }).toEqual([]);
  });

  test('a claim lapses with its process, and lives as long as that does', async () => {
    const [holder, other] = [await open('lease', { leaseMs: 300 }), await open('lease', { leaseMs: 300 })];
    expect((await holder.store.claim('k')).ours).toBe(true);
    const later = Promise.withResolvers<void>();
    setTimeout(later.resolve, 900);
    await later.promise;
    expect((await other.store.claim('k')).ours).toBe(false);
    holder.redis.disconnect();
    await expect.poll(async () => (await other.store.claim('k')).ours, { timeout: 3_000 }).toBe(true);
  });

  test('a server that says nothing has none, and is soon left alone', async () => {
    const own = await startRedis();
    const failures: CacheStoreFailure[] = [];
    const redis = await new Promise<Redis>((resolve) => {
      const one = connectRedis({ url: own.url, failed: () => {}, ready: () => resolve(one) });
      connections.push(one);
    });
    const store = new RedisResponseStore({
      redis,
      prefix: 'out:',
      timeoutMs: 50,
      leaseMs: 10_000,
      clock: systemClock,
      events: { storeFailed: (why) => failures.push(why) },
    });
    stores.push(store);
    store.put('k', kept.bytes, 60_000);
    expect(await store.get('k')).toBeDefined();
    own.signal('SIGSTOP');
    const from = performance.now();
    for (let i = 0; i < 100; i++) expect(await store.get('k')).toBeUndefined();
    expect(await store.claim('k')).toEqual({ kept: undefined, ours: true });
    expect(performance.now() - from).toBeLessThan(2_000);
    expect(failures.length).toBeLessThan(10);
    own.signal('SIGCONT');
    await expect.poll(() => store.get('k'), { timeout: 5_000 }).toBeDefined();
    await own.stop();
    expect(await store.get('k')).toBeUndefined();
  });
});
