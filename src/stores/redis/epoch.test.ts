import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { suite } from '../../../test/support/parts.ts';
import { type RedisServer, startRedis } from '../testing/redis-server.ts';
import { connectRedis } from './connection.ts';
import { RedisRateLimiter } from './rate-limiter.ts';

// A store that lost a nonce takes none of those that it may have lost.

interface Store {
  readonly server: RedisServer;
  readonly redis: Redis;
  readonly limiter: RedisRateLimiter;
}

const still = { after: () => () => {} };

suite('a store that lost what it knew', ['redis-server'], () => {
  let folder: string;
  const servers: RedisServer[] = [];
  const stores: Store[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'llm-bridge-epoch-'));
  });
  afterEach(async () => {
    for (const { redis, limiter } of stores.splice(0)) {
      limiter.close();
      redis.disconnect();
    }
    for (const server of servers.splice(0)) await server.stop();
    rmSync(folder, { recursive: true });
  });

  /** A folder each: a replica writes what it is sent there. */
  const launch = async () => {
    const dir = join(folder, String(servers.length));
    mkdirSync(dir);
    const server = await startRedis('--dir', dir, '--repl-diskless-sync-delay', '0');
    servers.push(server);
    return server;
  };
  const open = async (server: RedisServer): Promise<Store> => {
    const ready = Promise.withResolvers<void>();
    const redis = connectRedis({ url: server.url, failed: () => {}, ready: () => ready.resolve() });
    await ready.promise;
    const options = { prefix: 'e:', leaseMs: 1e6, epochGuardMs: 0, clock: still };
    const store = { server, redis, limiter: new RedisRateLimiter({ redis, ...options }) };
    stores.push(store);
    return store;
  };
  const claim = async ({ limiter }: Store, nonce: string, issuedAt: number) => {
    const demand = { subjects: [], tokens: 0, cost: 0, claim: { scope: 's', nonce, issuedAt, windowMs: 60_000 } };
    const decision = await limiter.take(demand);
    return decision.claim ?? 'first';
  };
  /** Waits until messages that are issued now are taken, and tells the time. */
  const begun = async ({ limiter, redis }: Store) => {
    const wait = await limiter.beginEpoch();
    await new Promise((resolve) => setTimeout(resolve, wait));
    return Number((await redis.time())[0]);
  };
  /** Makes a server a replica of another, and resolves when it has all that the other has. */
  const follow = async (replica: Redis, { port }: RedisServer) => {
    await replica.replicaof('127.0.0.1', port);
    await expect.poll(() => replica.info('replication'), { timeout: 10_000 }).toContain('master_link_status:up');
  };

  /** Begins an epoch that the replica has too. */
  const shareEpoch = async ({ limiter, redis }: Store) => {
    await limiter.beginEpoch();
    expect(await redis.wait(1, 5_000)).toBe(1);
  };

  /** Each takes the store, and has `claimed` called before what it loses; what it returns is asked from then on. */
  const losses: readonly (readonly [string, (store: Store, claimed: () => Promise<void>) => Promise<Store>])[] = [
    [
      'it was emptied',
      async (store, claimed) => {
        await claimed();
        await store.redis.flushall();
        return store;
      },
    ],
    [
      'it was restarted, empty',
      async ({ server }, claimed) => {
        await claimed();
        await server.restart();
        return open(server);
      },
    ],
    [
      'it was restarted from an old snapshot',
      async ({ server, redis, limiter }, claimed) => {
        await limiter.beginEpoch();
        await redis.save();
        await claimed();
        await server.restart();
        return open(server);
      },
    ],
    [
      'a replica that lagged took its place',
      async (store, claimed) => {
        const replica = await launch();
        const admin = (await open(replica)).redis;
        await follow(admin, store.server);
        await shareEpoch(store);
        await admin.replicaof('NO', 'ONE');
        await claimed();
        await store.server.stop();
        return open(replica);
      },
    ],
    [
      'a replica that lagged took its place, and it came back as it had been',
      async (store, claimed) => {
        const replica = await launch();
        const admin = (await open(replica)).redis;
        await follow(admin, store.server);
        await shareEpoch(store);
        await admin.replicaof('NO', 'ONE');
        await claimed();
        await follow(store.redis, replica);
        await store.redis.replicaof('NO', 'ONE');
        return store;
      },
    ],
  ];

  test.each(losses)(
    'takes nothing that was issued before %s',
    async (_how, lose) => {
      const first = await open(await launch());
      let issuedAt = 0;
      const store = await lose(first, async () => {
        // A master draws a new replication id when its first replica comes, so this is not asked before.
        issuedAt = await begun(first);
        expect(await claim(first, 'lost', issuedAt)).toBe('first');
        expect(await claim(first, 'lost', issuedAt)).toBe('replayed');
      });
      for (const nonce of ['lost', 'never seen']) expect(await claim(store, nonce, issuedAt)).toBe('expired');
      const next = await begun(store);
      expect([await claim(store, 'next', next), await claim(store, 'next', next)]).toEqual(['first', 'replayed']);
    },
    30_000,
  );
});
