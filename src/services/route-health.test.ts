import { expect, test } from 'vitest';
import { Balancer } from '../balancer/balancer.ts';
import { settings } from '../balancer/testing/fixtures.ts';
import { Fault } from '../kernel/fault.ts';
import type { Provider, Route } from '../kernel/provider.ts';
import { Readiness } from '../kernel/readiness.ts';
import { routeProbe, watchRoutes } from './route-health.ts';

test('a route is not serving while none of its targets may be asked, and is again when one may', () => {
  let now = 0;
  const timers: (() => void)[] = [];
  const clock = {
    now: () => now,
    wall: () => now,
    after: (_: number, action: () => void) => {
      timers.push(action);
      return () => {};
    },
  };
  const provider = { name: 'p', keys: ['k'], disabled: undefined } as unknown as Provider;
  const route: Route = {
    name: 'fast',
    policy: [],
    targets: [{ provider, model: 'm', weight: 1, priority: 1 }],
  };
  const balancer = new Balancer({ clock, settings });
  const readiness = new Readiness(['model/fast']);
  readiness.set(true);
  balancer.events = { ...balancer.events, ...watchRoutes(balancer, [route], readiness, clock) };
  const probe = routeProbe(balancer, [route]);
  const [candidate] = balancer.ofRoute(route).tiers[0] ?? [];

  for (let i = 0; i < 5; i++) {
    expect(readiness.isServing('model/fast')).toBe(true);
    const fault = new Fault('PROVIDER_UNAVAILABLE', 'x', { blame: 'provider' });
    candidate?.vitals.end(0, candidate.vitals.begin(), fault);
  }
  expect(readiness.isServing('model/fast')).toBe(false);
  expect(readiness.isServing('')).toBe(true);
  expect(probe()).toMatchObject([{ name: 'model/fast', status: 2 }]);
  for (const look of timers.splice(0)) look();
  expect(readiness.isServing('model/fast')).toBe(false);
  now += 5_000;
  for (const look of timers.splice(0)) look();
  expect(readiness.isServing('model/fast')).toBe(true);
  expect(timers).toHaveLength(0);

  readiness.set(false);
  candidate?.vitals.end(0, false, new Fault('PROVIDER_RATE_LIMITED', 'x', { blame: 'limit' }));
  expect(readiness.isServing('model/fast')).toBe(false);
});
