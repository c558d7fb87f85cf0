import type { Redis } from 'ioredis';
import { afterEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { suite } from '../../../test/support/parts.ts';
import {
  type RedisTopology,
  startCluster,
  startSentinels,
  startStandalone,
  startTls,
} from '../testing/redis-topologies.ts';
import { connectRedis } from './connection.ts';
import type { RedisPlace } from './place.ts';

const key = 'llmbridge:{limits}';

suite('connections to Redis', ['redis-server'], () => {
  let topology: RedisTopology;
  const connections: Redis[] = [];
  afterEach(async () => {
    for (const redis of connections.splice(0)) redis.disconnect();
    await topology.stop();
  });

  const connect = (more: RedisPlace = {}) =>
    new Promise<Redis>((resolve, reject) => {
      const place = { ...(parse(topology.yaml) as RedisPlace), ...more };
      const redis = connectRedis({ ...place, key, failed: reject, ready: () => resolve(redis) });
      connections.push(redis);
    });
  /** Whom commands go to. */
  const serverOf = async (redis: Redis) => {
    const info = await redis.info('server').catch(() => '');
    return { port: Number(/tcp_port:(\d+)/.exec(info)?.[1]), runId: /run_id:(\w+)/.exec(info)?.[1] };
  };
  const answers = (redis: Redis) =>
    expect.poll(() => redis.incr(`${key}:x`).catch(() => 0), { timeout: 10_000 }).toBeGreaterThan(0);

  describe.each([
    ['Sentinel', startSentinels, 'SIGSTOP'],
    ['a cluster', startCluster, 'SIGKILL'],
  ] as const)('by %s', (_name, start, signal) => {
    test('go to the master, and to the next one after it handed over, and after it died or fell silent', async () => {
      topology = await start();
      const redis = await connect();
      const first = await topology.master();
      expect(await redis.incr(`${key}:x`)).toBe(1);
      expect((await serverOf(redis)).port).toBe(first.port);

      const second = await topology.handOver();
      await answers(redis);
      await expect.poll(async () => (await serverOf(redis)).port, { timeout: 5_000 }).toBe(second.port);

      second.signal(signal);
      await redis.incr(`${key}:x`).catch(() => {});
      const third = await topology.master();
      expect(third.port).not.toBe(second.port);
      await answers(redis);
      expect((await serverOf(redis)).port).toBe(third.port);
    }, 60_000);
  });

  test('in a cluster, begin with any node that is up', async () => {
    topology = await startCluster();
    const owner = await topology.master();
    const other = topology.servers.find(({ port }) => port !== owner.port);
    const redis = await connect({ cluster: ['127.0.0.1:1', `127.0.0.1:${other?.port}`] });
    expect((await serverOf(redis)).port).toBe(owner.port);
    expect(await redis.incr(`${key}:x`)).toBe(1);
  });

  test('over TLS, with a password and an authority of its own, and not without either', async () => {
    const { ca, port, ...rest } = await startTls('a-password');
    topology = rest;
    const redis = await connect();
    expect(await redis.set(`${key}:x`, 'there')).toBe('OK');
    const url = `rediss://127.0.0.1:${port}`;
    await expect(connect({ url, password: 'another', ca })).rejects.toThrow('WRONGPASS');
    await expect(connect({ url, password: 'a-password', ca: undefined })).rejects.toThrow('self-signed certificate');
    expect(await (await connect({ url: `rediss://:a-password@localhost:${port}`, password: undefined })).ping()).toBe(
      'PONG',
    );
  });

  test('a server that was restarted is asked again by itself', async () => {
    topology = await startStandalone();
    const redis = await connect();
    const before = await serverOf(redis);
    const [server] = topology.servers;
    await server?.restart();
    await answers(redis);
    const after = await serverOf(redis);
    expect(after.port).toBe(before.port);
    expect(after.runId).not.toBe(before.runId);
  });

  test('commands fail at once while it is down, and are never sent again', async () => {
    topology = await startStandalone();
    const redis = await connect();
    const [server] = topology.servers;
    server?.signal('SIGSTOP');
    const asked = redis.incr(`${key}:x`);
    const waited = performance.now();
    await expect(asked).rejects.toThrow();
    expect(performance.now() - waited).toBeLessThan(5_000);
    server?.signal('SIGCONT');
    await expect.poll(() => redis.get(`${key}:x`).catch(() => 'down'), { timeout: 5_000 }).not.toBe('down');
    // It woke to a command of before, and did it once.
    expect(await redis.get(`${key}:x`)).toBe('1');
    server?.signal('SIGKILL');
    await expect.poll(() => redis.status).not.toBe('ready');
    const from = performance.now();
    await expect(redis.incr(`${key}:x`)).rejects.toThrow();
    expect(performance.now() - from).toBeLessThan(50);
  });
});
