import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Decision, Limits, Subject } from '../../kernel/rate-limiter.ts';
import { compare, steps } from '../testing/limits-model.ts';
import { ClaimedNonces } from './claimed-nonces.ts';
import { MemoryRateLimiter } from './rate-limiter.ts';

let now: number;
let limiter: MemoryRateLimiter;
beforeEach(() => {
  now = 0;
  limiter = new MemoryRateLimiter({ now: () => now });
});

const minute = (count: number) => ({ count, windowMs: 60_000 });
const user = (limits: Limits, name = 'alice'): Subject => ({ tier: 'user', name, limits });
const take = (limits: Limits, tokens = 0): Decision => limiter.take({ subjects: [user(limits)], tokens, cost: 0 });
const settle = ({ lease }: Decision, tokens: number, cost = 0) =>
  lease !== undefined && limiter.settle(lease, tokens, cost);
const admitted = (times: number, limits: Limits, tokens = 0): number =>
  Array.from({ length: times }, () => take(limits, tokens)).filter(({ lease }) => lease !== undefined).length;

describe('the limiter in memory', () => {
  test('decides as the model does, over any history', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (history) => {
        // Not the epoch's first moment, so that what was issued before it is among the claims.
        let at = 5_000;
        const clock = { now: () => at, wall: () => at };
        const one = new MemoryRateLimiter(clock, new ClaimedNonces({ epochGuardMs: 0, clock }));
        const { real, expected } = await compare(one, history, 5, (ms) => (at += ms));
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
          if (one.take({ subjects: [user({ requests: minute(7) })], tokens: 0, cost: 0 }).lease !== undefined)
            times.push(at);
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
          const { refusals } = one.take({ subjects, tokens, cost: 0 });
          const wait = Math.max(0, ...refusals.map(({ waitMs }) => waitMs ?? 0));
          if (wait < 2) continue;
          at += wait - 1;
          expect(one.take({ subjects, tokens, cost: 0 }).lease).toBeUndefined();
          at += 1.001;
          expect(one.take({ subjects, tokens, cost: 0 }).lease).toBeDefined();
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
    settle(take(limits, 10), 663);
    const waits: number[] = [];
    for (let i = 0; i < 7; i++) {
      const { refusals, standings } = take(limits, 100);
      waits.push(standings[0]?.tokens?.used ?? 0);
      if (refusals.length > 0) now += 61_000;
    }
    expect(waits).toEqual([663, 563, 463, 363, 263, 163, 63]);
    now += 61_000;
    expect(take(limits, 100).lease).toBeDefined();
  });

  test('gives back what was reserved and not used, once', () => {
    const limits = { tokens: minute(100), concurrent: 1 };
    const first = take(limits, 100);
    expect(take(limits, 1).refusals.map(({ measure }) => measure)).toEqual(['tokens', 'concurrent']);
    settle(first, 40);
    settle(first, 0);
    expect(take(limits, 61).refusals).toHaveLength(1);
    expect(take(limits, 60).lease).toBeDefined();
    expect(take(limits, 0).refusals).toHaveLength(1);
  });

  test('a claim that is refused uses up nothing, and a call over a limit claims nothing', () => {
    const clock = { now: () => now, wall: () => 1_800_000_000_000 + now };
    limiter = new MemoryRateLimiter(clock, new ClaimedNonces({ epochGuardMs: 0, clock }));
    const claim = (nonce: string) => ({ scope: 's', nonce, issuedAt: 1_800_000_000, windowMs: 60_000 });
    const ask = (nonce: string) => {
      const subjects = [user({ requests: minute(2), concurrent: 1 })];
      return limiter.take({ subjects, tokens: 0, cost: 0, claim: claim(nonce) });
    };
    const first = ask('a');
    for (let i = 0; i < 5; i++) expect(ask('a')).toMatchObject({ lease: undefined, claim: 'replayed', standings: [] });
    expect(ask('b').refusals.map(({ measure }) => measure)).toEqual(['concurrent']);
    settle(first, 0);
    expect(ask('b')).toMatchObject({ lease: expect.any(Number), standings: [{ requests: { used: 2 } }] });
    expect(ask('b').claim).toBe('replayed');
  });

  test('money is counted as tokens are', () => {
    const subjects = [user({ budget: minute(1_000) })];
    const ask = (cost: number) => limiter.take({ subjects, tokens: 0, cost });
    const first = ask(700);
    expect(ask(301).refusals).toMatchObject([{ measure: 'budget' }]);
    settle(first, 0, 2_500);
    expect(ask(0).refusals).toMatchObject([{ measure: 'budget', waitMs: expect.any(Number) }]);
    expect(ask(1_001).refusals[0]?.waitMs).toBe(Number.POSITIVE_INFINITY);
    now += 2 * 61_000;
    expect(ask(500).lease).toBeDefined();
    expect(ask(1).lease).toBeUndefined();
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
    for (let i = 0; i < 20; i++) limiter.take({ subjects, tokens: 10, cost: 0 });
    const [first] = limiter.take({ subjects: [everyone], tokens: 0, cost: 0 }).standings;
    expect(first).toMatchObject({ requests: { used: 3 }, tokens: { used: 20 } });
  });

  test('forgets who has long been idle', () => {
    for (let i = 0; i < 5_000; i++) {
      settle(limiter.take({ subjects: [user({ requests: minute(5) }, `u${i}`)], tokens: 0, cost: 0 }), 0);
    }
    expect(limiter.size).toBe(5_000);
    now += 120_000;
    for (let i = 0; i < 2_600; i++) admitted(1, { requests: minute(5) });
    expect(limiter.size).toBeLessThan(10);
  });
});
