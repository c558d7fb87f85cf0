import fc from 'fast-check';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { suite } from '../../../test/support/parts.ts';
import { systemClock } from '../../kernel/clock.ts';
import type { Limits, Subject } from '../../kernel/rate-limiter.ts';
import { compare, steps } from '../testing/limits-model.ts';
import { type RedisServer, startRedis } from '../testing/redis-server.ts';
import { connectRedis } from './connection.ts';
import { RedisRateLimiter } from './rate-limiter.ts';

const minute = (count: number) => ({ count, windowMs: 60_000 });
const user = (limits: Limits, name = 'alice'): Subject => ({ tier: 'user', name, limits });

suite('the limiter in Redis', ['redis-server'], () => {
  let server: RedisServer;
  const connections: Redis[] = [];
  const limiters: RedisRateLimiter[] = [];

  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(async () => {
    for (const limiter of limiters) limiter.close();
    for (const redis of connections) redis.disconnect();
    await server.stop();
  });

  const connect = () =>
    new Promise<Redis>((resolve, reject) => {
      const redis = connectRedis({ url: server.url, failed: reject, ready: () => resolve(redis) });
      connections.push(redis);
    });
  const limiter = async (prefix: string, leaseMs = 30_000) => {
    const one = new RedisRateLimiter({ redis: await connect(), prefix, leaseMs, clock: systemClock });
    limiters.push(one);
    return one;
  };

  test('decides as the model does, over any history', async () => {
    const redis = await connect();
    let round = 0;
    await fc.assert(
      fc.asyncProperty(steps, async (history) => {
        round++;
        // The scripts read a clock that the test holds, in place of TIME.
        let at = 1_800_000_000_000;
        const clocked = heldClock(redis, () => at);
        const one = new RedisRateLimiter({ redis: clocked, prefix: `model${round}:`, leaseMs: 1e9, clock: still });
        const { real, expected } = await compare(one, history, async (ms) => {
          // What was settled goes out before the clock moves on.
          await new Promise(setImmediate);
          await redis.ping();
          at += ms;
          return at;
        });
        expect(real).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  test('of a thousand at once on two connections, exactly as many come in as the limit lets', async () => {
    const two = [await limiter('exact:'), await limiter('exact:')];
    const subjects = [
      { tier: 'global' as const, name: '', limits: { requests: minute(300), tokens: minute(10_000) } },
      user({ tokens: minute(3_000), concurrent: 250 }),
    ];
    const decisions = await Promise.all(
      Array.from({ length: 1_000 }, (_, i) => two[i % 2]?.take({ subjects, tokens: 15 })),
    );
    expect(decisions.filter((decision) => decision?.reservation)).toHaveLength(200);
    const [everyone] = subjects;
    expect(everyone && (await two[0]?.show(everyone))).toMatchObject({ requests: 200, tokens: 3_000 });
  });

  test('a call is settled once, and its place is free at once', async () => {
    const one = await limiter('settle:');
    const subject = user({ tokens: minute(100), concurrent: 1 });
    const { reservation } = await one.take({ subjects: [subject], tokens: 60 });
    expect((await one.take({ subjects: [subject], tokens: 0 })).refusals).toMatchObject([{ measure: 'concurrent' }]);
    reservation?.settle(263);
    reservation?.settle(0);
    expect(await one.show(subject)).toMatchObject({ tokens: 263, concurrent: 0 });
    expect((await one.take({ subjects: [subject], tokens: 1 })).refusals).toMatchObject([{ measure: 'tokens' }]);
    await one.reset(subject);
    expect(await one.show(subject)).toMatchObject({ requests: 0, tokens: 0 });
  });

  test('places of a process that is gone lapse, and those of one that lives do not', async () => {
    const gone = await limiter('lease:', 300);
    const alive = await limiter('lease:', 300);
    const subject = user({ concurrent: 4 });
    const take = (one: RedisRateLimiter) => one.take({ subjects: [subject], tokens: 0 });
    await Promise.all([take(gone), take(gone), take(alive), take(alive)]);
    expect((await take(alive)).reservation).toBeUndefined();
    gone.close();
    await expect.poll(async () => (await alive.show(subject)).concurrent, { timeout: 3_000 }).toBe(2);
    const later = Promise.withResolvers<void>();
    setTimeout(later.resolve, 700);
    await later.promise;
    expect((await alive.show(subject)).concurrent).toBe(2);
  });

  test('a server that lost its scripts is given them again', async () => {
    const redis = await connect();
    const one = await limiter('flush:');
    const subject = user({ requests: minute(3) });
    await one.take({ subjects: [subject], tokens: 0 });
    await redis.script('FLUSH');
    expect((await one.take({ subjects: [subject], tokens: 0 })).standings[0]?.requests?.used).toBe(2);
  });

  test('forgets who is idle by itself', async () => {
    const redis = await connect();
    const one = await limiter('idle:');
    const subject = user({ requests: { count: 5, windowMs: 200 }, concurrent: 5 });
    (await one.take({ subjects: [subject], tokens: 0 })).reservation?.settle(0);
    await expect.poll(() => redis.keys('idle:*')).toEqual([]);
  });
});

const still = { after: () => () => {} };

/** The same server, asked with scripts that read the time from here. */
function heldClock(redis: Redis, now: () => number): Redis {
  const held = {
    status: 'ready',
    on: () => held,
    script: () => Promise.resolve(),
    evalsha: () => Promise.reject(new Error('NOSCRIPT')),
    eval: (source: string, ...rest: (string | number)[]) =>
      redis.eval(
        source.replace("redis.call('TIME')", `{ ${Math.floor(now() / 1_000)}, ${(now() % 1_000) * 1_000} }`),
        ...(rest as [number]),
      ),
  };
  return held as unknown as Redis;
}
