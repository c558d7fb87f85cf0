import { noBalancerEvents } from '../../kernel/balancer-events.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Provider, Target } from '../../kernel/provider.ts';
import { Admission } from '../admission.ts';
import type { CallTraits, Candidate } from '../policy.ts';
import type { BalancerSettings } from '../settings.ts';
import { TargetVitals } from '../vitals.ts';

/** A clock that stands until it is moved; its timers never run. */
export class StillClock implements Clock {
  #now = 0;
  now = () => this.#now;
  wall = () => this.#now;
  after = () => () => {};
  advance(ms: number): void {
    this.#now += ms;
  }
}

/** Numbers from 0 to below 1 that are the same in every run (mulberry32). */
export function chances(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const settings: BalancerSettings = {
  timeouts: { firstTokenMs: 30_000, wholeMs: 90_000, idleMs: 30_000, totalMs: 600_000 },
  retry: { max: 2, backoffMs: 100, maxBackoffMs: 5_000, maxWaitMs: 5_000 },
  budget: { ratio: 0.2, minimum: 3, windowMs: 10_000 },
  breaker: { consecutive: 5, rate: 0.5, minimum: 20, windowMs: 30_000, ejectMs: 5_000, maxEjectMs: 15_000 },
  hedge: { enabled: false, delayMs: undefined, ratio: 0.05 },
  recovery: 'off',
  contextFallback: false,
  admission: { maxConcurrent: Number.POSITIVE_INFINITY, maxQueue: 0, maxQueueMs: 0 },
  routes: new Map(),
  providers: new Map(),
};

export const traits: CallTraits = {
  affinityKey: '',
  streaming: true,
  promptTokens: 0,
  completionTokens: 0,
  needs: new Set(),
};

export const target = (name: string, over: Partial<Target> = {}, keys: readonly string[] = ['k']): Target => ({
  provider: { name, keys, disabled: undefined } as Provider,
  model: 'm',
  weight: 1,
  priority: 1,
  ...over,
});

export const candidate = (clock: Clock, of: Target): Candidate => ({
  target: of,
  vitals: new TargetVitals(of, clock, settings, () => noBalancerEvents),
  timeouts: settings.timeouts,
  admission: new Admission(clock, settings.admission),
});
