import { describe, expect, test } from 'vitest';
import { Balancer } from './balancer.ts';
import { select } from './lane.ts';
import { StillClock, settings, target, traits } from './testing/fixtures.ts';

const setUp = (over = {}) => new Balancer({ clock: new StillClock(), settings: { ...settings, ...over } });
const name = (candidate: ReturnType<typeof select>) => candidate?.target.provider.name;

describe('targets asked by name', () => {
  test('are remembered, but only so many: callers may name any model', () => {
    const balancer = setUp();
    const { provider } = target('p');
    const first = balancer.ofTarget({ ...target('p'), provider, model: 'kept' });
    for (let i = 0; i < 3_000; i++) {
      balancer.ofTarget({ ...target('p'), provider, model: `m${i}` });
      expect(balancer.ofTarget({ ...target('p'), provider, model: 'kept' })).toBe(first);
    }
    expect([...balancer.states()]).toHaveLength(1_000);
  });

  test('share what is known with the routes that lead to them, and are asked however they fare', () => {
    const balancer = setUp();
    const one = target('p');
    const [candidate] = balancer.ofRoute({ name: 'r', policy: [], targets: [one] }).tiers[0] ?? [];
    for (let i = 0; i < 5; i++) candidate?.vitals.breaker.failure(false);
    const single = balancer.ofTarget(one);
    expect(single.tiers[0]?.[0]?.vitals).toBe(candidate?.vitals);
    expect(name(select(single, traits))).toBe('p');
  });
});

describe('filters', () => {
  test('a tier serves only when nothing in those above can', () => {
    const balancer = setUp();
    const targets = [target('low', { priority: 2 }), target('high')];
    const lane = balancer.ofRoute({ name: 'r', policy: [], targets });
    expect(name(select(lane, traits))).toBe('high');
    for (let i = 0; i < 5; i++) lane.tiers[0]?.[0]?.vitals.breaker.failure(false);
    expect(name(select(lane, traits))).toBe('low');
  });

  test('a disabled provider has no place', () => {
    const off = target('off');
    const targets = [{ ...off, provider: { ...off.provider, disabled: 'no key' } }, target('on', { priority: 2 })];
    expect(name(select(setUp().ofRoute({ name: 'r', policy: [], targets }), traits))).toBe('on');
  });

  test('what a target is known not to take goes elsewhere', () => {
    const targets = [target('small', { context: 100, lacks: ['images'] }), target('large', { priority: 2 })];
    const lane = setUp().ofRoute({ name: 'r', policy: [], targets });
    expect(lane.looksInside).toBe(true);
    expect(name(select(lane, { ...traits, promptTokens: 100 }))).toBe('small');
    expect(name(select(lane, { ...traits, promptTokens: 101 }))).toBe('large');
    expect(name(select(lane, { ...traits, needs: new Set(['images']) }))).toBe('large');
    const large = new Set(lane.tiers[1]);
    expect(name(select(lane, { ...traits, promptTokens: 101 }, large))).toBe('small');
  });

  test('a full provider is passed over, and waited for where nobody else is', () => {
    const admission = { maxConcurrent: 1, maxQueue: 1, maxQueueMs: 1 };
    const balancer = setUp({ admission });
    const targets = [target('a'), target('b', { priority: 2 })];
    const lane = balancer.ofRoute({ name: 'r', policy: [], targets });
    const enter = (tier: number) => lane.tiers[tier]?.[0]?.admission.enter('', undefined, undefined as never);
    enter(0);
    expect(name(select(lane, traits))).toBe('b');
    enter(1);
    expect(name(select(lane, traits))).toBe('a');
  });
});

test('a route’s own settings come before its providers’, and these before all others', () => {
  const balancer = setUp({
    routes: new Map([['r', { timeouts: { idleMs: 1 } }]]),
    providers: new Map([['p', { timeouts: { idleMs: 2, firstTokenMs: 3 } }]]),
  });
  const lane = balancer.ofRoute({ name: 'r', policy: [], targets: [target('p'), target('q')] });
  expect(lane.tiers[0]?.map(({ timeouts }) => timeouts)).toEqual([
    { ...settings.timeouts, idleMs: 1, firstTokenMs: 3 },
    { ...settings.timeouts, idleMs: 1 },
  ]);
});
