import { beforeEach, describe, expect, test } from 'vitest';
import { type LimitEvents, noLimitEvents, type OutageMode } from '../kernel/limit-events.ts';
import type { Decision, Demand, Limits, Subject, Tier } from '../kernel/rate-limiter.ts';
import { GuardedRateLimiter } from './guarded-rate-limiter.ts';
import { ClaimedNonces } from './memory/claimed-nonces.ts';
import { MemoryRateLimiter } from './memory/rate-limiter.ts';

const hour = (count: number) => ({ count, windowMs: 3_600_000 });
const limits: Limits = { requests: hour(9), tokens: hour(300), budget: hour(1_000) };
const user: Subject = { tier: 'user', name: 'alice', limits };
const everyone: Subject = { tier: 'global', name: '', limits };

/** A store that does as it is told. */
class Store {
  state: 'up' | 'down' | 'silent' | 'full' = 'up';
  asked = 0;
  readonly charged: string[] = [];
  readonly released: number[] = [];
  readonly #waiting: (() => void)[] = [];

  take(_demand: Demand): Promise<Decision> {
    this.asked++;
    const decision: Decision = { lease: this.asked, claim: undefined, refusals: [], standings: [] };
    if (this.state === 'down') return Promise.reject(new Error('gone'));
    if (this.state === 'up') return Promise.resolve(decision);
    // What it refuses it need not write.
    if (this.state === 'full') return Promise.resolve({ ...decision, lease: undefined });
    return new Promise((resolve) => this.#waiting.push(() => resolve(decision)));
  }

  probe(): Promise<void> {
    return this.state === 'full' ? Promise.reject(new Error('OOM')) : Promise.resolve();
  }

  settle(_lease: number, tokens: number): void {
    this.released.push(tokens);
  }

  charge({ tier, name }: Subject, requests: number, tokens: number, cost: number): void {
    this.charged.push(`${tier}:${name} ${requests} ${tokens} ${cost}`);
  }

  speak(): void {
    for (const answer of this.#waiting.splice(0)) answer();
  }
}

let now: number;
let timers: { readonly at: number; readonly action: () => void }[];
let store: Store;
let told: string[];
const clock = {
  now: () => now,
  after(ms: number, action: () => void) {
    const timer = { at: now + ms, action };
    timers.push(timer);
    return () => {
      timers = timers.filter((each) => each !== timer);
    };
  },
};
const events: LimitEvents = {
  ...noLimitEvents,
  storeFailed: (why) => void told.push(why),
  storeOut: (out) => void told.push(out ? 'out' : 'back'),
  fellBack: (tier, mode) => void told.push(`${tier} ${mode}`),
};
beforeEach(() => {
  now = 0;
  timers = [];
  told = [];
  store = new Store();
});

const guard = (
  modes: Partial<Record<Tier, OutageMode>> = {},
  instances = 1,
  onClaimOutage: 'open' | 'closed' = 'closed',
) =>
  new GuardedRateLimiter({
    store,
    local: new MemoryRateLimiter(clock, new ClaimedNonces({ epochGuardMs: 0, clock: { wall: () => now } })),
    timeoutMs: 50,
    onOutage: { global: 'open', user: 'local', ip: 'open', model: 'local', user_model: 'local', ...modes },
    onClaimOutage,
    instances,
    clock,
    events,
  });

async function pass(ms: number): Promise<void> {
  now += ms;
  const due = timers.filter(({ at }) => at <= now);
  timers = timers.filter((timer) => !due.includes(timer));
  for (const { action } of due) action();
  await new Promise(setImmediate);
}

const admitted = async (guarded: GuardedRateLimiter, times: number, subjects: readonly Subject[]) => {
  let count = 0;
  for (let i = 0; i < times; i++) {
    const { lease } = await guarded.take({ subjects, tokens: 10, cost: 3 });
    if (lease === undefined) continue;
    count++;
    guarded.settle(lease, 20, 7);
  }
  return count;
};

describe('while the store is out', () => {
  test('a tier is open, or limited by this instance alone, to its part', async () => {
    store.state = 'down';
    expect(await admitted(guard(), 20, [everyone])).toBe(20);
    expect(await admitted(guard(), 20, [everyone, user])).toBe(9);
    expect(await admitted(guard({}, 4), 20, [user])).toBe(2);
    expect(await admitted(guard({}, 100), 20, [{ ...user, limits: { requests: hour(9) } }])).toBe(1);
  });

  test('a closed tier lets nobody in', async () => {
    store.state = 'down';
    const guarded = guard({ user: 'closed' });
    for (let i = 0; i < 5; i++) {
      const taken = async () => guarded.take({ subjects: [everyone, user], tokens: 0, cost: 0 });
      await expect(taken()).rejects.toMatchObject({ reason: 'ADMISSION_UNAVAILABLE', detail: { retryAfterMs: 1_000 } });
    }
    expect(await admitted(guarded, 3, [everyone])).toBe(3);
  });

  test('it is left alone after three failures, and tried by one call at a time', async () => {
    const guarded = guard();
    store.state = 'down';
    await admitted(guarded, 8, [everyone]);
    expect(store.asked).toBe(3);
    expect(told.filter((each) => each !== 'global open')).toEqual(['error', 'error', 'error', 'out']);
    await pass(500);
    await admitted(guarded, 8, [everyone]);
    expect(store.asked).toBe(4);
    await pass(500);
    store.state = 'up';
    await admitted(guarded, 8, [everyone]);
    expect(store.asked).toBe(12);
    expect(told.at(-1)).toBe('back');
  });

  test('refusals alone do not say that a full store takes counts again', async () => {
    const guarded = guard();
    store.state = 'down';
    await admitted(guarded, 3, [everyone]);
    store.state = 'full';
    for (let i = 0; i < 3; i++) {
      await pass(500);
      expect(await admitted(guarded, 4, [everyone, user])).toBeGreaterThan(0);
      expect(guarded.out).toBe(true);
    }
    expect(store.charged).toEqual([]);
    store.state = 'up';
    await pass(500);
    await admitted(guarded, 1, [everyone]);
    expect(guarded.out).toBe(false);
    expect(store.charged).not.toEqual([]);
  });

  test('no call waits longer than it may, and a late answer holds nothing', async () => {
    store.state = 'silent';
    const guarded = guard();
    let done = 0;
    const calls = Array.from({ length: 5 }, () =>
      Promise.resolve(guarded.take({ subjects: [everyone], tokens: 5, cost: 0 })).then(() => done++),
    );
    await pass(49);
    expect(done).toBe(0);
    await pass(1);
    await Promise.all(calls);
    expect(told).toContain('timeout');
    expect(guarded.out).toBe(true);
    store.speak();
    await pass(0);
    expect(store.released).toEqual([0, 0, 0, 0, 0]);
    // Late is not there, but worth a call's try.
    expect(guarded.out).toBe(true);
    store.state = 'up';
    await admitted(guarded, 1, [everyone]);
    expect(guarded.out).toBe(false);
  });

  test('one that is always late is tried by one call at a time', async () => {
    store.state = 'silent';
    const guarded = guard();
    for (let i = 0; i < 3; i++) {
      const taken = guarded.take({ subjects: [everyone], tokens: 5, cost: 0 });
      await pass(50);
      await taken;
    }
    expect(guarded.out).toBe(true);
    for (let i = 0; i < 4; i++) {
      store.speak();
      await pass(0);
      const tried = guarded.take({ subjects: [everyone], tokens: 5, cost: 0 });
      expect(await admitted(guarded, 5, [everyone])).toBe(5);
      await pass(50);
      await tried;
    }
    expect(store.asked).toBe(7);
    expect(told.filter((each) => each === 'back')).toEqual([]);
  });

  test('what was counted meanwhile is handed over afterwards', async () => {
    const guarded = guard();
    store.state = 'down';
    await admitted(guarded, 4, [everyone, user]);
    const last = await guarded.take({ subjects: [user], tokens: 10, cost: 0 });
    expect(store.charged).toEqual([]);
    store.state = 'up';
    await pass(500);
    await admitted(guarded, 1, [everyone]);
    expect(store.charged).toEqual(['global: 4 80 28', 'user:alice 5 80 28']);
    guarded.settle(last.lease ?? 0, 33, 0);
    guarded.settle(last.lease ?? 0, 33, 0);
    expect(store.charged.at(-1)).toBe('user:alice 0 33 0');
    expect(store.charged).toHaveLength(3);
  });

  test('a call that went on without a late store is counted once', async () => {
    const guarded = guard();
    store.state = 'silent';
    const taken = guarded.take({ subjects: [everyone, user], tokens: 10, cost: 0 });
    await pass(50);
    guarded.settle((await taken).lease ?? 0, 20, 0);
    store.speak();
    await pass(0);
    store.state = 'up';
    await admitted(guarded, 1, [everyone]);
    // The store has its request, which it counted late, and was given back the tokens.
    expect(store.charged).toEqual(['global: 0 20 0', 'user:alice 0 20 0']);
  });

  test('no call is refused for good for what the whole limit has room for', async () => {
    store.state = 'down';
    const guarded = guard({}, 4);
    const ask = (tokens: number, guessed: boolean, cost = 0) =>
      guarded.take({ subjects: [user], tokens, cost, guessed });
    expect(await ask(100, false)).toMatchObject({ lease: undefined, refusals: [{ measure: 'tokens', waitMs: 1_000 }] });
    expect((await ask(301, false)).refusals).toMatchObject([{ waitMs: Number.POSITIVE_INFINITY }]);
    expect(await ask(0, false, 999)).toMatchObject({ refusals: [{ measure: 'budget', waitMs: 1_000 }] });
    // Where the caller set no bound, its part is reserved.
    const { lease = 0, standings } = await ask(100, true, 999);
    expect(standings).toMatchObject([{ tokens: { used: 75 }, budget: { used: 250 } }]);
    guarded.settle(lease, 90, 10);
    store.state = 'up';
    await pass(500);
    await admitted(guarded, 1, [everyone]);
    expect(store.charged).toEqual(['user:alice 1 90 10']);
  });

  test('a call with a claim is refused, or taken once by this instance alone', async () => {
    store.state = 'down';
    const claim = { scope: 's', nonce: 'n', issuedAt: 0, windowMs: 60_000 };
    const demand = { subjects: [everyone], tokens: 0, cost: 0, claim };
    await expect((async () => guard().take(demand))()).rejects.toMatchObject({ reason: 'ADMISSION_UNAVAILABLE' });
    const open = guard({}, 1, 'open');
    expect((await open.take(demand)).lease).toBeDefined();
    expect(await open.take(demand)).toMatchObject({ lease: undefined, claim: 'replayed' });
  });

  test('a claim that the store answers too late is refused, and its call holds nothing there', async () => {
    store.state = 'silent';
    const claim = { scope: 's', nonce: 'n', issuedAt: 0, windowMs: 60_000 };
    const taken = Promise.resolve(guard().take({ subjects: [everyone], tokens: 5, cost: 0, claim }));
    const refused = expect(taken).rejects.toMatchObject({ reason: 'ADMISSION_UNAVAILABLE' });
    await pass(50);
    await refused;
    store.speak();
    await pass(0);
    expect(store.released).toEqual([0]);
  });
});
