import { describe, expect, test } from 'vitest';
import { type Candidate, choose } from '../policy.ts';
import { candidate, chances, StillClock, target, traits } from '../testing/fixtures.ts';
import { policiesOf } from './index.ts';

const clock = new StillClock();
const named = (...weights: readonly number[]) =>
  weights.map((weight, i) => candidate(clock, target(String.fromCharCode(97 + i), { weight })));

const pick = (names: readonly string[], candidates: readonly Candidate[], chance = chances(1)) => {
  const policies = policiesOf(names, chance);
  return (call = traits) => {
    const chosen = choose(policies, candidates, call);
    if (chosen === undefined) throw new Error('nobody was chosen');
    return chosen;
  };
};
const name = ({ target }: Candidate) => target.provider.name;

/** Makes `calls` choices with so many calls in flight, which end in a random order; `each` sees every choice. */
function drive(choice: () => Candidate, calls: number, each: (chosen: Candidate) => void, inFlight = 64): void {
  const chance = chances(7);
  const open: { candidate: Candidate; probe: boolean }[] = [];
  const endOne = () => {
    const [ended] = open.splice(Math.floor(chance() * open.length), 1);
    ended?.candidate.vitals.end(0, ended.probe, undefined);
  };
  for (let i = 0; i < calls; i++) {
    const chosen = choice();
    each(chosen);
    open.push({ candidate: chosen, probe: chosen.vitals.begin() });
    if (open.length === inFlight) endOne();
  }
  while (open.length > 0) endOne();
}

describe('weighted', () => {
  test('10,000 requests over 5:3:2 with 64 in flight land within one of their shares, and so at every stretch', () => {
    const counts = { a: 0, b: 0, c: 0 };
    let calls = 0;
    drive(pick(['weighted'], named(5, 3, 2)), 10_000, (chosen) => {
      counts[name(chosen) as keyof typeof counts]++;
      calls++;
      for (const [key, share] of Object.entries({ a: 0.5, b: 0.3, c: 0.2 })) {
        expect(Math.abs(counts[key as keyof typeof counts] - calls * share)).toBeLessThanOrEqual(1);
      }
    });
    expect(counts).toEqual({ a: 5_000, b: 3_000, c: 2_000 });
  });

  test('a target without weight serves only alone', () => {
    const candidates = named(1, 0);
    const choice = pick(['weighted'], candidates);
    expect(Array.from({ length: 20 }, () => name(choice()))).not.toContain('b');
    expect(name(pick(['weighted'], candidates.slice(1))())).toBe('b');
  });
});

test('round-robin takes each in turn, whatever the weights', () => {
  const choice = pick(['round-robin'], named(5, 1, 1));
  expect(Array.from({ length: 6 }, () => name(choice())).join('')).toBe('abcabc');
});

test('least-connections never picks a target with more in flight than another', () => {
  const candidates = named(1, 1, 1, 1);
  drive(pick(['least-connections'], candidates), 10_000, (chosen) => {
    for (const other of candidates) expect(chosen.vitals.inFlight).toBeLessThanOrEqual(other.vitals.inFlight);
  });
});

test('least-connections spreads ties by weight', () => {
  const choice = pick(['least-connections'], named(1, 1));
  expect(new Set(Array.from({ length: 4 }, () => name(choice())))).toEqual(new Set(['a', 'b']));
});

test('fastest prefers the target with the shorter time to first token, weighed by what it has to do', () => {
  const [slow, fast] = named(1, 1) as [Candidate, Candidate];
  slow.vitals.firstToken.observe(1_000, 0);
  fast.vitals.firstToken.observe(100, 0);
  const choice = pick(['fastest'], [slow, fast]);
  for (let i = 0; i < 20; i++) expect(choice()).toBe(fast);
  for (let i = 0; i < 20; i++) fast.vitals.begin();
  expect(choice()).toBe(slow);
});

test('random gives everyone an equal share', () => {
  const counts: Record<string, number> = {};
  const choice = pick(['random'], named(1, 1, 1));
  for (let i = 0; i < 9_000; i++) counts[name(choice())] = (counts[name(choice())] ?? 0) + 1;
  for (const key of 'abc') expect(Math.abs((counts[key] ?? 0) - 3_000)).toBeLessThan(200);
});

test('priority takes the order of the file', () => {
  const choice = pick(['priority'], named(1, 9));
  expect([name(choice()), name(choice())]).toEqual(['a', 'a']);
});

test('cheapest weighs both prices by the request; a target without a price comes last', () => {
  const candidates = [
    candidate(clock, target('none')),
    candidate(clock, target('reads', { price: { prompt: 1, completion: 10 } })),
    candidate(clock, target('writes', { price: { prompt: 5, completion: 1 } })),
  ];
  const choice = pick(['cheapest'], candidates);
  expect(name(choice({ ...traits, promptTokens: 1_000, completionTokens: 10 }))).toBe('reads');
  expect(name(choice({ ...traits, promptTokens: 10, completionTokens: 1_000 }))).toBe('writes');
});

describe('affinity', () => {
  const keys = Array.from({ length: 300 }, (_, i) => `key-${i}`);
  const of = (candidates: readonly Candidate[]) => {
    const choice = pick(['affinity'], candidates);
    return keys.map((affinityKey) => name(choice({ ...traits, affinityKey })));
  };

  test('a key keeps its target, also when others go', () => {
    const all = named(1, 1, 1, 1);
    const before = of(all);
    expect(of(all)).toEqual(before);
    of(all.slice(0, 3)).forEach((target, i) => {
      if (before[i] !== 'd') expect(target).toBe(before[i]);
    });
  });

  test('keys are spread evenly; without a key the next policy decides', () => {
    const counts = Map.groupBy(of(named(1, 1, 1)), (each) => each);
    for (const each of counts.values()) expect(each.length).toBeGreaterThan(70);
    const choice = pick(['affinity', 'round-robin'], named(1, 1));
    expect([name(choice()), name(choice())]).toEqual(['a', 'b']);
  });
});

test('a policy that does not exist is an error at the start', () => {
  expect(() => policiesOf(['swiftest'], Math.random)).toThrow(/swiftest/);
});
