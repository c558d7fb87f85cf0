import type { Policy } from '../policy.ts';
import { affinity } from './affinity.ts';
import { cheapest } from './cheapest.ts';
import { fastest } from './fastest.ts';
import { leastConnections } from './least-connections.ts';
import { priority } from './priority.ts';
import { random } from './random.ts';
import { roundRobin, weighted } from './weighted.ts';

/** Makes a policy for one route; `chance` gives numbers from 0 to below 1. */
type MakePolicy = (chance: () => number) => Policy;

const orders: Readonly<Record<string, MakePolicy>> = {
  'round-robin': roundRobin,
  weighted: () => weighted(),
  'least-connections': leastConnections,
  fastest,
  random,
  priority,
  cheapest,
  affinity,
};

/** The policies of a route by their names; what they leave equal is spread by weight. */
export function policiesOf(names: readonly string[], chance: () => number): Policy[] {
  const policies = names.map((name) => {
    const make = orders[name];
    if (make === undefined) throw new Error(`there is no policy ${name}`);
    return make(chance);
  });
  return [...policies, weighted()];
}
