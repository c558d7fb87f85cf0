import { expect, test } from 'vitest';
import { Pulse } from './pulse.ts';

const pulse = () => {
  const changes: boolean[] = [];
  return {
    changes,
    pulse: new Pulse({ now: () => 1_000, wall: () => 0, after: () => () => {} }, (up) => changes.push(up)),
  };
};

test('is down at so many failed probes in a row, and up at the first success', () => {
  const { changes, pulse: it } = pulse();
  it.failed(50, 3);
  it.failed(50, 3);
  expect(it.up).toBe(true);
  it.failed(50, 3);
  expect([it.up, it.downMs]).toEqual([false, 50]);
  it.succeeded();
  expect([it.up, it.downMs]).toEqual([true, 0]);
  expect(changes).toEqual([false, true]);
});

test('a call that succeeds between two failed probes parts them', () => {
  const { pulse: it } = pulse();
  it.failed(50, 2);
  it.succeeded();
  it.failed(50, 2);
  expect(it.up).toBe(true);
});
