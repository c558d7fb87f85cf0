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
    const one = new RedisRateLimiter({ redis: await connect(), prefix, leaseMs, epochGuardMs: 0, clock: systemClock });
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
        const one = new RedisRateLimiter({
          redis: clocked,
          prefix: `model${round}:`,
          leaseMs: 1e9,
          epochGuardMs: 0,
          clock: still,
        });
        await one.beginEpoch();
        const { real, expected } = await compare(one, history, at / 1000 + 1, async (ms) => {
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
      Array.from({ length: 1_000 }, (_, i) => two[i % 2]?.take({ subjects, tokens: 15, cost: 0 })),
    );
    expect(decisions.filter((decision) => decision?.lease !== undefined)).toHaveLength(200);
    const [everyone] = subjects;
    expect(everyone && (await two[0]?.show(everyone))).toMatchObject({ requests: 200, tokens: 3_000 });
  });

  test('a call is settled once, and its place is free at once', async () => {
    const one = await limiter('settle:');
    const subject = user({ tokens: minute(100), concurrent: 1 });
    const { lease = 0 } = await one.take({ subjects: [subject], tokens: 60, cost: 0 });
    expect((await one.take({ subjects: [subject], tokens: 0, cost: 0 })).refusals).toMatchObject([
      { measure: 'concurrent' },
    ]);
    one.settle(lease, 263, 0);
    one.settle(lease, 0, 0);
    expect(await one.show(subject)).toMatchObject({ tokens: 263, concurrent: 0 });
    expect((await one.take({ subjects: [subject], tokens: 1, cost: 0 })).refusals).toMatchObject([
      { measure: 'tokens' },
    ]);
    await one.reset(subject);
    expect(await one.show(subject)).toMatchObject({ requests: 0, tokens: 0, cost: 0 });
  });

  test('places of a process that is gone lapse, and those of one that lives do not', async () => {
    const gone = await limiter('lease:', 300);
    const alive = await limiter('lease:', 300);
    const subject = user({ concurrent: 4 });
    const take = (one: RedisRateLimiter) => one.take({ subjects: [subject], tokens: 0, cost: 0 });
    await Promise.all([take(gone), take(gone), take(alive), take(alive)]);
    expect((await take(alive)).lease).toBeUndefined();
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
    await one.take({ subjects: [subject], tokens: 0, cost: 0 });
    await redis.script('FLUSH');
    expect((await one.take({ subjects: [subject], tokens: 0, cost: 0 })).standings[0]?.requests?.used).toBe(2);
  });

  test('what a full server refuses to write is set right once it has room', async () => {
    const redis = await connect();
    const one = await limiter('full:');
    const subjects = [user({ tokens: minute(1_000) }), user({ tokens: minute(1_000), budget: minute(9) }, 'bob')];
    const take = (tokens: number) => one.take({ subjects, tokens, cost: 3 });
    const leases = [(await take(300)).lease ?? 0, (await take(300)).lease ?? 0, (await take(300)).lease ?? 0];
    try {
      await redis.config('SET', 'maxmemory', '1');
      for (const lease of leases) one.settle(lease, 10, 1);
      // Refusals are decisions, too, and it has no room yet.
      for (let i = 0; i < 3; i++) expect((await take(500)).lease).toBeUndefined();
      expect(await one.show(subjects[0] as Subject)).toMatchObject({ tokens: 900 });
    } finally {
      await redis.config('SET', 'maxmemory', '0');
    }
    expect((await take(500)).lease).toBeUndefined();
    await expect.poll(() => one.show(subjects[1] as Subject)).toMatchObject({ tokens: 30, cost: 3 });
    expect((await take(500)).lease).toBeDefined();
  });

  const claimOf = (nonce: string, issuedAt: number, windowMs = 60_000) => ({ scope: 's', nonce, issuedAt, windowMs });
  const seconds = async (redis: Redis) => Number((await redis.time())[0]);
  /** Waits until messages that are issued now are taken, and tells the time. */
  const begun = async (one: RedisRateLimiter, redis: Redis) => {
    const wait = await one.beginEpoch();
    await new Promise((resolve) => setTimeout(resolve, wait));
    return seconds(redis);
  };
  const ask = (one: RedisRateLimiter, claim: ReturnType<typeof claimOf>, subjects: readonly Subject[] = []) =>
    one.take({ subjects, tokens: 0, cost: 0, claim });

  test('of a thousand claims of one nonce at once on two connections one is the first, and takes the limits', async () => {
    const redis = await connect();
    const two = [await limiter('nonce:'), await limiter('nonce:')];
    const [one] = two;
    if (one === undefined) throw new Error('no limiter');
    const claim = claimOf('n', await begun(one, redis));
    const subject = user({ requests: minute(1_000) });
    const asked = Array.from({ length: 1_000 }, (_, i) => ask(two[i % 2] ?? one, claim, [subject]));
    const decisions = await Promise.all(asked);
    expect(decisions.filter(({ lease }) => lease !== undefined)).toHaveLength(1);
    expect(decisions.filter((decision) => decision.claim === 'replayed')).toHaveLength(999);
    expect(await one.show(subject)).toMatchObject({ requests: 1 });
  });

  test('a call over a limit claims nothing; nonces are forgotten once their messages are too old', async () => {
    const redis = await connect();
    const one = await limiter('over:');
    const subjects = [user({ concurrent: 1 })];
    const issuedAt = await begun(one, redis);
    const { lease = 0 } = await ask(one, claimOf('a', issuedAt), subjects);
    const second = claimOf('b', issuedAt, 1_000);
    expect(await ask(one, second, subjects)).toMatchObject({ claim: undefined, refusals: [{ measure: 'concurrent' }] });
    expect(await redis.keys('over:*nonce*')).toHaveLength(1);
    one.settle(lease, 0, 0);
    expect((await ask(one, { ...second, windowMs: 60_000 }, subjects)).lease).toBeDefined();
    await ask(one, claimOf('c', issuedAt, 2_000));
    const lives = await redis.pttl(String((await redis.keys('over:*nonce:c:s'))[0]));
    expect(lives).toBeGreaterThan(0);
    expect(lives).toBeLessThanOrEqual(3_000);
    expect((await ask(one, claimOf('d', issuedAt + 60))).claim).toBe('expired');
    expect((await ask(one, claimOf('e', issuedAt - 1))).claim).toBe('expired');
  });

  test('an epoch guard refuses for that long what was issued before its end', async () => {
    const redis = await connect();
    const guarded = new RedisRateLimiter({ redis, prefix: 'guard:', leaseMs: 1e6, epochGuardMs: 20_000, clock: still });
    const issuedAt = await begun(guarded, redis);
    expect((await ask(guarded, claimOf('a', issuedAt + 15))).claim).toBe('expired');
    expect((await ask(guarded, claimOf('b', issuedAt + 25))).claim).toBeUndefined();
  });

  test('money is counted to the billionth of a dollar', async () => {
    const one = await limiter('money:');
    const subject = user({ budget: { count: 1_000_000e9, windowMs: 86_400_000 } });
    const { lease = 0 } = await one.take({ subjects: [subject], tokens: 0, cost: 999_999_999_999_999 });
    const decision = await one.take({ subjects: [subject], tokens: 0, cost: 2 });
    expect(decision.refusals).toMatchObject([{ measure: 'budget' }]);
    one.settle(lease, 0, 123_456_789_012_345);
    expect(await one.show(subject)).toMatchObject({ cost: 123_456_789_012_345 });
  });

  test('forgets who is idle by itself', async () => {
    const redis = await connect();
    const one = await limiter('idle:');
    const subject = user({ requests: { count: 5, windowMs: 200 }, concurrent: 5 });
    const { lease = 0 } = await one.take({ subjects: [subject], tokens: 0, cost: 0 });
    one.settle(lease, 0, 0);
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
        source
          .replace("redis.call('TIME')", `{ ${Math.floor(now() / 1_000)}, ${(now() % 1_000) * 1_000} }`)
          // Nonces expire by the server's own clock, which is not to matter here.
          .replace('- now) + 1000', '- now) + 1000000'),
        ...(rest as [number]),
      ),
  };
  return held as unknown as Redis;
}
