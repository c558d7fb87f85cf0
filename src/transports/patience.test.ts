import { expect, it } from 'vitest';
import type { Clock } from '../kernel/clock.ts';
import { Patience } from './patience.ts';

/** Time that moves when it is told to. */
class HandClock implements Clock {
  #now = 0;
  readonly #timers = new Set<{ readonly at: number; readonly action: () => void }>();

  now = (): number => this.#now;
  wall = (): number => this.#now;

  after(ms: number, action: () => void): () => void {
    const timer = { at: this.#now + ms, action };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  get timers(): number {
    return this.#timers.size;
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = next.at;
      next.action();
    }
    this.#now = end;
  }
}

function patient(ms: number): { clock: HandClock; patience: Patience<string>; given: string[] } {
  const clock = new HandClock();
  const given: string[] = [];
  return { clock, given, patience: new Patience(clock, ms, (one) => given.push(`${one} ${clock.now()}`)) };
}

it('gives up on each after the same time, with one timer for all', () => {
  const { clock, patience, given } = patient(100);
  patience.watch('a');
  clock.advance(30);
  patience.watch('b');
  patience.watch('c');
  expect(clock.timers).toBe(1);
  clock.advance(200);
  expect(given).toEqual(['a 100', 'b 130', 'c 130']);
  expect(clock.timers).toBe(0);
});

it('forgets, and begins anew', () => {
  const { clock, patience, given } = patient(100);
  patience.watch('a');
  patience.watch('b');
  clock.advance(60);
  patience.forget('a');
  patience.watch('b');
  clock.advance(99);
  expect(given).toEqual([]);
  clock.advance(1);
  expect(given).toEqual(['b 160']);
  clock.advance(1_000);
  patience.watch('a');
  clock.advance(100);
  expect(given).toEqual(['b 160', 'a 1260']);
});
