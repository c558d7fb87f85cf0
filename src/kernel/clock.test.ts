import { expect, test } from 'vitest';
import { systemClock } from './clock.ts';

test('a timer is never early: who waits out a limit would find it still there', async () => {
  const waits = await Promise.all(
    Array.from({ length: 60 }, (_, i) => {
      const ms = 5 + i * 0.37;
      const startedAt = systemClock.now();
      return new Promise<number>((resolve) => {
        systemClock.after(ms, () => resolve(systemClock.now() - startedAt - ms));
        setTimeout(() => {}, ms + 50);
      });
    }),
  );
  expect(waits.filter((beyond) => beyond < 0)).toEqual([]);
});
