import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Eviction } from '../../kernel/response-cache.ts';
import { entryOverhead, MemoryResponseStore } from './response-store.ts';

/** A clock that is moved by hand. */
function heldClock() {
  let at = 0;
  const timers: { readonly due: number; readonly action: () => void }[] = [];
  return {
    now: () => at,
    wall: () => 1_800_000_000_000 + at,
    after(ms: number, action: () => void) {
      const timer = { due: at + ms, action };
      timers.push(timer);
      return () => void timers.splice(timers.indexOf(timer), 1);
    },
    advance(ms: number) {
      at += ms;
      for (const timer of timers.filter(({ due }) => due <= at)) {
        timers.splice(timers.indexOf(timer), 1);
        timer.action();
      }
    },
  };
}

function open(maxBytes: number) {
  const clock = heldClock();
  const evictions: Eviction[] = [];
  const store = new MemoryResponseStore({ maxBytes, clock, events: { evicted: (why) => evictions.push(why) } });
  return { clock, evictions, store };
}

const bytes = (length: number) => new Uint8Array(length);
const sizeOf = (key: string, length: number) => length + 2 * key.length + entryOverhead;

const steps = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('put' as const),
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      length: fc.nat(900),
      ttl: fc.integer({ min: 0, max: 50 }),
    }),
    fc.record({
      kind: fc.constantFrom('get' as const, 'drop' as const),
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(30) }),
  ),
  { maxLength: 60 },
);

describe('answers in memory', () => {
  test('are those that a list would have, the last used last, counted to the byte, within the bound', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 300, max: 3_000 }), (history, maxBytes) => {
        const { clock, store } = open(maxBytes);
        let model: { key: string; length: number; until: number }[] = [];
        const sum = () => model.reduce((all, { key, length }) => all + sizeOf(key, length), 0);
        for (const step of history) {
          if (step.kind === 'wait') clock.advance(step.ms);
          else if (step.kind === 'put') {
            const { key, length, ttl } = step;
            store.put(key, bytes(length), ttl);
            model = model.filter((each) => each.key !== key);
            if (ttl > 0 && sizeOf(key, length) <= maxBytes) {
              model.push({ key, length, until: clock.now() + ttl });
              while (sum() > maxBytes) model.shift();
            }
          } else if (step.kind === 'drop') {
            store.drop(step.key);
            model = model.filter(({ key }) => key !== step.key);
          } else {
            const found = model.find(({ key }) => key === step.key);
            model = model.filter((each) => each !== found);
            const good = found !== undefined && found.until > clock.now();
            if (good) model.push(found);
            expect(store.get(step.key)?.bytes.length).toBe(good ? found.length : undefined);
          }
          expect([store.entries, store.bytes]).toEqual([model.length, sum()]);
          expect(store.bytes).toBeLessThanOrEqual(maxBytes);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('tell when they were put there, and until when they are good', () => {
    const { clock, store } = open(10_000);
    clock.advance(5);
    store.put('a', bytes(1), 60);
    expect(store.get('a')).toMatchObject({ storedAt: 1_800_000_000_005, expiresAt: 1_800_000_000_065 });
    clock.advance(60);
    expect(store.get('a')).toBeUndefined();
  });

  test('leave by themselves when their time is over, and the reason is told', () => {
    const { clock, evictions, store } = open(2 * sizeOf('a', 10));
    for (const key of ['a', 'b', 'c']) store.put(key, bytes(10), 1_000);
    expect(evictions).toEqual(['space']);
    clock.advance(30_000);
    expect([store.entries, store.bytes, evictions]).toEqual([0, 0, ['space', 'expired', 'expired']]);
  });
});
