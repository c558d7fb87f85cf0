import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Decision, Limits, Subject } from '../../kernel/rate-limiter.ts';
import { compare, steps } from '../testing/limits-model.ts';
import { MemoryRateLimiter } from './rate-limiter.ts';

let now: number;
let limiter: MemoryRateLimiter;
beforeEach(() => {
  now = 0;
  limiter = new MemoryRateLimiter({ now: () => now });
});

const minute = (count: number) => ({ count, windowMs: 60_000 });
const user = (limits: Limits, name = 'alice'): Subject => ({ tier: 'user', name, limits });
const take = (limits: Limits, tokens = 0): Decision => limiter.take({ subjects: [user(limits)], tokens });
const admitted = (times: number, limits: Limits, tokens = 0): number =>
  Array.from({ length: times }, () => take(limits, tokens)).filter(({ reservation }) => reservation).length;

describe('the limiter in memory', () => {
  test('decides as the model does, over any history', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (history) => {
        let at = 0;
        const one = new MemoryRateLimiter({ now: () => at });
        const { real, expected } = await compare(one, history, (ms) => (at += ms));
        expect(real).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  test('admits no more than the limit in any window, wherever it begins', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 20_000, noNaN: true }), { maxLength: 400 }), (gaps) => {
        let at = 0;
        const one = new MemoryRateLimiter({ now: () => at });
        const times: number[] = [];
        for (const gap of gaps) {
          at += gap / 10;
          if (one.take({ subjects: [user({ requests: minute(7) })], tokens: 0 }).reservation) times.push(at);
        }
        for (const from of times) expect(times.filter((t) => t >= from && t < from + 60_000).length).toBeLessThan(8);
      }),
    );
  });

  test('tells the true wait: it fits then, and not before', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(9_000), fc.nat(40)), { maxLength: 60 }), (calls) => {
        let at = 0;
        const one = new MemoryRateLimiter({ now: () => at });
        const subjects = [user({ requests: minute(5), burst: 2, tokens: minute(100) })];
        for (const [gap, tokens] of calls) {
          at += gap;
          const { refusals } = one.take({ subjects, tokens });
          const wait = Math.max(0, ...refusals.map(({ waitMs }) => waitMs ?? 0));
          if (wait < 2) continue;
          at += wait - 1;
          expect(one.take({ subjects, tokens }).reservation).toBeUndefined();
          at += 1.001;
          expect(one.take({ subjects, tokens }).reservation).toBeDefined();
        }
      }),
    );
  });

  test('lets a burst come at once, and the rest in an even flow', () => {
    const limits = { requests: minute(60), burst: 10 };
    expect(admitted(50, limits)).toBe(10);
    now += 1_000;
    expect(admitted(50, limits)).toBe(1);
    now += 5_000;
    expect(admitted(50, limits)).toBe(5);
    now += 55_000;
    expect(admitted(50, limits)).toBe(10);
  });

  test('carries real usage beyond the limit as debt, and pays it at the rate of the limit', () => {
    const limits = { tokens: minute(100) };
    take(limits, 10).reservation?.settle(663);
    const waits: number[] = [];
    for (let i = 0; i < 7; i++) {
      const { refusals, standings } = take(limits, 100);
      waits.push(standings[0]?.tokens?.used ?? 0);
      if (refusals.length > 0) now += 61_000;
    }
    expect(waits).toEqual([663, 563, 463, 363, 263, 163, 63]);
    now += 61_000;
    expect(take(limits, 100).reservation).toBeDefined();
  });

  test('gives back what was reserved and not used, once', () => {
    const limits = { tokens: minute(100), concurrent: 1 };
    const { reservation } = take(limits, 100);
    expect(take(limits, 1).refusals.map(({ measure }) => measure)).toEqual(['tokens', 'concurrent']);
    reservation?.settle(40);
    reservation?.settle(0);
    expect(take(limits, 61).refusals).toHaveLength(1);
    expect(take(limits, 60).reservation).toBeDefined();
    expect(take(limits, 0).refusals).toHaveLength(1);
  });

  test('says that a call will never fit', () => {
    expect(take({ tokens: minute(100) }, 101).refusals[0]?.waitMs).toBe(Number.POSITIVE_INFINITY);
  });

  test('counts a refused call nowhere', () => {
    const everyone: Subject = {
      tier: 'global',
      name: '',
      limits: { requests: minute(10), tokens: minute(1_000), concurrent: 9 },
    };
    const subjects = [everyone, user({ requests: minute(2) })];
    for (let i = 0; i < 20; i++) limiter.take({ subjects, tokens: 10 });
    const [first] = limiter.take({ subjects: [everyone], tokens: 0 }).standings;
    expect(first).toMatchObject({ requests: { used: 3 }, tokens: { used: 20 } });
  });

  test('forgets who has long been idle', () => {
    for (let i = 0; i < 5_000; i++) {
      limiter.take({ subjects: [user({ requests: minute(5) }, `u${i}`)], tokens: 0 }).reservation?.settle(0);
    }
    expect(limiter.size).toBe(5_000);
    now += 120_000;
    for (let i = 0; i < 2_600; i++) admitted(1, { requests: minute(5) });
    expect(limiter.size).toBeLessThan(10);
  });
});
