import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { suite } from '../../test/support/parts.ts';
import { systemClock } from '../kernel/clock.ts';
import type { Subject } from '../kernel/rate-limiter.ts';
import { connectRedis } from '../stores/redis/connection.ts';
import { RedisRateLimiter } from '../stores/redis/rate-limiter.ts';
import { type RedisServer, startRedis } from '../stores/testing/redis-server.ts';
import { runCli } from './testing/spawn-cli.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'llm-bridge-limits-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const limits = (redis: string, ...args: string[]) => {
  writeFileSync(
    join(folder, 'test.yaml'),
    `providers: { sim: { type: simulator } }\n${redis}\nrate_limit: { user: { requests: 60/m, tokens: 900/h, concurrent: 3 } }`,
  );
  return runCli(['limits', ...args, '-c', 'test.yaml'], { cwd: folder });
};

describe('limits', () => {
  test('needs to know of whom, and where', async () => {
    expect(await limits('', 'show')).toMatchObject({ code: 64 });
    expect(await limits('', 'forget', 'alice')).toMatchObject({ code: 64 });
    expect(await limits('', 'show', 'alice')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('memory of each'),
    });
    expect(await limits('redis: { url: "redis://127.0.0.1:1" }', 'show', 'alice')).toMatchObject({
      code: 69,
      stderr: expect.stringContaining('ECONNREFUSED'),
    });
    expect(await limits('redis: { url: "redis://127.0.0.1:1" }', 'show', '192.0.2.1', '--ip')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no limits for 192.0.2.1'),
    });
  });
});

suite('limits in Redis, from the command line', ['redis-server'], () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  test('are shown and reset', async () => {
    const ready = Promise.withResolvers<void>();
    const redis = connectRedis({ url: server.url, failed: ready.reject, ready: () => ready.resolve() });
    await ready.promise;
    const store = new RedisRateLimiter({
      redis,
      prefix: 'llmbridge:',
      leaseMs: 30_000,
      epochGuardMs: 0,
      clock: systemClock,
    });
    const subject: Subject = {
      tier: 'user',
      name: 'alice',
      limits: { requests: { count: 60, windowMs: 60_000 }, tokens: { count: 900, windowMs: 3_600_000 }, concurrent: 3 },
    };
    for (let i = 0; i < 2; i++) await store.take({ subjects: [subject], tokens: 40, cost: 0 });
    const at = `redis: { url: "${server.url}" }`;
    const { code, stdout } = await limits(at, 'show', 'alice');
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(
        /^requests: 2 of 60 in 60 s, all of it free in \d\d s\ntokens: 80 of 900 in 3600 s, all of it free in 36\d\d s\nat once: 2 of 3\n$/,
      ),
    });
    expect(await limits(at, 'reset', 'alice')).toMatchObject({
      code: 0,
      stdout: 'requests: 0 of 60 in 60 s\ntokens: 0 of 900 in 3600 s\nat once: 0 of 3\n',
    });
    store.close();
    redis.disconnect();
  });

  test('with budgets, and by model', async () => {
    const ready = Promise.withResolvers<void>();
    const redis = connectRedis({ url: server.url, failed: ready.reject, ready: () => ready.resolve() });
    await ready.promise;
    const options = { prefix: 'money:', leaseMs: 30_000, epochGuardMs: 0, clock: systemClock };
    const store = new RedisRateLimiter({ redis, ...options });
    const day = 86_400_000;
    const subjects: Subject[] = [
      { tier: 'user', name: 'bob', limits: { budget: { count: 5e9, windowMs: day } } },
      { tier: 'model', name: 'fast', limits: { requests: { count: 9, windowMs: 60_000 } } },
      { tier: 'user_model', name: 'bob/fast', limits: { budget: { count: 1e9, windowMs: day } } },
    ];
    await store.take({ subjects, tokens: 0, cost: 250_000_400 });
    writeFileSync(
      join(folder, 'money.yaml'),
      `providers: { sim: { type: simulator } }
redis: { url: "${server.url}", prefix: "money:" }
rate_limit: { models: { fast: { requests: 9/m } }, user: { overrides: { bob: { budget: 5usd/d, models: { fast: { budget: 1usd/d } } } } } }`,
    );
    const ask = async (...args: string[]) =>
      (await runCli(['limits', ...args, '-c', 'money.yaml'], { cwd: folder })).stdout;
    expect(await ask('show', 'bob')).toMatch(
      /^budget: 0\.25 of 5 usd in 86400 s, all of it free in \d+ s\nfast: budget: 0\.25 of 1 usd in 86400 s, all of it free in \d+ s\n$/,
    );
    expect(await ask('show', 'fast', '--model')).toMatch(/^requests: 1 of 9 in 60 s, all of it free in \d+ s\n$/);
    expect(await ask('reset', 'bob')).toBe('budget: 0 of 5 usd in 86400 s\nfast: budget: 0 of 1 usd in 86400 s\n');
    expect(await ask('show', 'fast', '--model')).toMatch(/^requests: 1 of 9/);
    store.close();
    redis.disconnect();
  });
});
