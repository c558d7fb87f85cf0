import fc from 'fast-check';
import { expect, test } from 'vitest';
import { noBalancerEvents } from '../kernel/balancer-events.ts';
import { Fault } from '../kernel/fault.ts';
import { StillClock, settings, target } from './testing/fixtures.ts';
import { TargetVitals } from './vitals.ts';

// Breaker, cooling and retry budget against a reference that keeps every event and recomputes all from the list.

const breaker = { consecutive: 3, rate: 0.5, minimum: 6, windowMs: 10_000, ejectMs: 1_000, maxEjectMs: 4_000 };
const budget = { ratio: 0.5, minimum: 1, windowMs: 2_000 };
const keys = ['one', 'two'];
const slotMs = breaker.windowMs / 10;

interface Flight {
  readonly probe: boolean;
  readonly key: number;
}

/** The reference: plain, slow, and told nothing but what happened. */
class Model {
  now = 0;
  readonly flights: Flight[] = [];
  outcomes: { readonly at: number; readonly failed: boolean }[] = [];
  inARow = 0;
  openUntil: number | undefined;
  ejections = 0;
  probing = false;
  readonly cool = [0, 0];
  calls: number[] = [];
  retries: number[] = [];

  get state() {
    if (this.openUntil === undefined) return 'closed';
    return this.now < this.openUntil ? 'open' : 'half-open';
  }

  get allows() {
    return this.state === 'closed' || (this.state === 'half-open' && !this.probing);
  }

  begin(key: number): Flight {
    const probe = this.state === 'half-open' && !this.probing;
    this.probing ||= probe;
    const flight = { probe, key };
    this.flights.push(flight);
    return flight;
  }

  end({ probe }: Flight, outcome: 'success' | 'failure' | 'neutral') {
    if (probe) this.probing = false;
    if (outcome === 'neutral' || (this.openUntil !== undefined && !probe)) return;
    if (outcome === 'success' && probe) {
      this.openUntil = undefined;
      this.ejections = 0;
      this.outcomes = [];
    }
    if (outcome === 'failure' && probe) {
      this.eject();
      return;
    }
    this.outcomes.push({ at: this.now, failed: outcome === 'failure' });
    this.inARow = outcome === 'failure' ? this.inARow + 1 : 0;
    const slot = Math.floor(this.now / slotMs);
    const recent = this.outcomes.filter(({ at }) => Math.floor(at / slotMs) > slot - 10);
    const failures = recent.filter(({ failed }) => failed).length;
    if (outcome === 'success') return;
    const often = recent.length >= breaker.minimum && failures > recent.length * breaker.rate;
    if (this.inARow >= breaker.consecutive || often) this.eject();
  }

  eject() {
    this.openUntil = this.now + Math.min(breaker.ejectMs * 2 ** this.ejections, breaker.maxEjectMs);
    this.ejections++;
    this.inARow = 0;
  }

  coolingMs() {
    return Math.max(0, Math.min(...this.cool) - this.now);
  }

  mayRetry() {
    const half = budget.windowMs / 2;
    const since = (Math.floor(this.now / half) - 1) * half;
    const recent = (times: number[]) => times.filter((at) => at >= since).length;
    return recent(this.retries) + 1 <= budget.minimum + recent(this.calls) * budget.ratio;
  }
}

interface Real {
  readonly clock: StillClock;
  readonly vitals: TargetVitals;
  readonly flights: Flight[];
}

type Command = fc.Command<Model, Real>;

function check(model: Model, { vitals }: Real): void {
  expect(vitals.breaker.state).toBe(model.state);
  expect(vitals.breaker.allows).toBe(model.allows);
  expect(vitals.breaker.openMs).toBe(Math.max(0, (model.openUntil ?? 0) - model.now));
  expect(vitals.coolingMs).toBe(model.coolingMs());
  expect(vitals.hasKey).toBe(model.coolingMs() === 0);
  expect(vitals.inFlight).toBe(model.flights.length);
}

const command = (text: string, run: (model: Model, real: Real) => void, may = (_: Model) => true): Command => ({
  check: may,
  run(model, real) {
    run(model, real);
    check(model, real);
  },
  toString: () => text,
});

const advance = (ms: number) =>
  command(`advance ${ms}`, (model, { clock }) => {
    model.now += ms;
    clock.advance(ms);
  });

const begin = command('begin', (model, { vitals, flights }) => {
  const key = vitals.takeKey();
  if (model.coolingMs() === 0) expect(model.cool[key]).toBeLessThanOrEqual(model.now);
  const flight = model.begin(key);
  expect(vitals.begin()).toBe(flight.probe);
  flights.push(flight);
});

const end = (which: number, outcome: 'success' | 'failure' | 'limit' | 'credential' | 'caller') =>
  command(
    `${outcome} ${which}`,
    (model, { vitals, flights }) => {
      const at = which % model.flights.length;
      const [flight] = model.flights.splice(at, 1) as [Flight];
      flights.splice(at, 1);
      const told = outcome === 'success' || outcome === 'failure' ? outcome : 'neutral';
      model.end(flight, told);
      const rest = outcome === 'limit' ? 700 : outcome === 'credential' ? 60_000 : 0;
      model.cool[flight.key] = Math.max(model.cool[flight.key] ?? 0, rest === 0 ? 0 : model.now + rest);
      const blame = outcome === 'failure' ? 'provider' : outcome;
      const fault =
        blame === 'success' ? undefined : new Fault('PROVIDER_UNAVAILABLE', 'x', { blame, retryAfterMs: 700 });
      vitals.end(flight.key, flight.probe, fault);
    },
    (model) => model.flights.length > 0,
  );

const call = command('call', (model, { vitals }) => {
  model.calls.push(model.now);
  vitals.budget.call();
});

const retry = command('retry', (model, { vitals }) => {
  const may = model.mayRetry();
  expect(vitals.budget.take()).toBe(may);
  if (may) model.retries.push(model.now);
});

const commands = fc.commands(
  [
    fc.constantFrom(50, 300, 700, 1_000, 2_500, 11_000).map(advance),
    fc.constant(begin),
    fc.constant(begin),
    fc
      .tuple(fc.nat(20), fc.constantFrom('success', 'failure', 'failure', 'limit', 'credential', 'caller'))
      .map(([which, outcome]) => end(which, outcome as 'success')),
    fc.tuple(fc.nat(20), fc.constant('failure' as const)).map(([which, outcome]) => end(which, outcome)),
    fc.constant(call),
    fc.constant(retry),
  ],
  { maxCommands: 120 },
);

test('breaker, cooling and retry budget do what the reference does', () => {
  fc.assert(
    fc.property(commands, (list) => {
      const clock = new StillClock();
      const of = target('p', {}, keys);
      const vitals = new TargetVitals(of, clock, { ...settings, breaker, budget }, () => noBalancerEvents);
      fc.modelRun(() => ({ model: new Model(), real: { clock, vitals, flights: [] } }), list);
    }),
    { numRuns: 500 },
  );
});
