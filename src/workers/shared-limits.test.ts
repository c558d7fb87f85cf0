import { expect, test } from 'vitest';
import { Fault } from '../kernel/fault.ts';
import type { Decision, Demand, RateLimiter } from '../kernel/rate-limiter.ts';
import { MemoryRateLimiter } from '../stores/memory/rate-limiter.ts';
import { RemoteRateLimiter } from './remote-rate-limiter.ts';
import { SharedLimits } from './shared-limits.ts';

const clock = { now: () => 1_000 };

/** A worker whose messages are cloned on their way to the primary's limiter and back, as between processes. */
function worker(limiter: RateLimiter) {
  let batches = 0;
  const remote: RemoteRateLimiter = new RemoteRateLimiter((batch) => {
    batches++;
    void shared.heard(structuredClone(batch));
  });
  const shared = new SharedLimits(limiter, (answers) => remote.answered(structuredClone(answers)));
  return { remote, end: () => shared.close(), batches: () => batches };
}

const demand = (limits: { requests?: number; concurrent?: number }): Demand => ({
  subjects: [
    {
      tier: 'user',
      name: 'alice',
      limits: {
        ...(limits.requests && { requests: { count: limits.requests, windowMs: 60_000 } }),
        ...(limits.concurrent && { concurrent: limits.concurrent }),
      },
    },
  ],
  tokens: 0,
  cost: 0,
});

const admitted = (decisions: readonly Decision[]) => decisions.filter(({ lease }) => lease !== undefined).length;

test('two workers together are admitted as often as one limit says', async () => {
  const limiter = new MemoryRateLimiter(clock);
  const [a, b] = [worker(limiter).remote, worker(limiter).remote];
  const decisions = await Promise.all(
    Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? a : b).take(demand({ requests: 37 }))),
  );
  expect(admitted(decisions)).toBe(37);
  const refused = decisions.find(({ lease }) => lease === undefined);
  expect(refused?.refusals[0]).toMatchObject({ measure: 'requests', waitMs: expect.any(Number) });
});

test('what comes up in one turn travels together', async () => {
  const { remote, batches } = worker(new MemoryRateLimiter(clock));
  await Promise.all([remote.take(demand({ requests: 5 })), remote.take(demand({ requests: 5 }))]);
  expect(batches()).toBe(1);
});

test('a settled call frees its place, and so do those of a worker that ended', async () => {
  const limiter = new MemoryRateLimiter(clock);
  const [a, b] = [worker(limiter), worker(limiter)];
  const one = demand({ concurrent: 2 });
  const [first, second] = await Promise.all([a.remote.take(one), a.remote.take(one)]);
  expect(admitted([first, second, await b.remote.take(one)])).toBe(2);
  a.remote.settle(first.lease ?? -1, 0, 0);
  await new Promise(setImmediate);
  expect(admitted([await b.remote.take(one), await b.remote.take(one)])).toBe(1);
  a.end();
  expect(admitted([await b.remote.take(one), await b.remote.take(one)])).toBe(1);
});

test('a decision that can not be had is the same fault on both sides', async () => {
  const { remote } = worker({
    take() {
      throw new Fault('ADMISSION_UNAVAILABLE', 'not now', { retryAfterMs: 1_000 });
    },
    settle() {},
  });
  await expect(remote.take(demand({ requests: 1 }))).rejects.toMatchObject({
    reason: 'ADMISSION_UNAVAILABLE',
    message: 'not now',
    detail: { retryAfterMs: 1_000 },
  });
});
