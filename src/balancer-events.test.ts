import { expect, test } from 'vitest';
import { countedAndWatched } from './balancer-events.ts';
import type { BalancerEvents } from './kernel/balancer-events.ts';
import type { Target } from './kernel/provider.ts';

test('everything is counted, and those who watch hear of targets lost and found', () => {
  const heard: unknown[][] = [];
  const listener = (who: string) =>
    new Proxy({} as BalancerEvents, {
      ownKeys: () => names,
      getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
      get:
        (_, name) =>
        (...told: unknown[]) =>
          heard.push([who, name, ...told]),
    });
  const names = ['ejected', 'cooled', 'probed', 'aborted', 'queued', 'hedged', 'recovered'];
  const target = { model: 'm' } as Target;
  const events = countedAndWatched(listener('counted'), listener('watched'));
  events.ejected(target, 1);
  events.cooled(target, 'limit', 2);
  events.probed('p', true);
  events.aborted(target, 'CANCELLED', 3);
  events.queued('route', 4, false);
  events.hedged('r', true);
  events.recovered('r', 'resume', true);
  const told = [
    ['ejected', target, 1],
    ['cooled', target, 'limit', 2],
    ['probed', 'p', true],
  ];
  expect(heard.filter(([who]) => who === 'watched').map(([, ...rest]) => rest)).toEqual(told);
  expect(heard.filter(([who]) => who === 'counted').map(([, ...rest]) => rest)).toEqual([
    ...told,
    ['aborted', target, 'CANCELLED', 3],
    ['queued', 'route', 4, false],
    ['hedged', 'r', true],
    ['recovered', 'r', 'resume', true],
  ]);
});
