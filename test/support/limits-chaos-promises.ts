import { expect } from 'vitest';
import { type ChaosReport, type Fault, quota } from './limits-chaos.ts';

/** Fails where a mode did not do as it promises, whatever was done to the store. */
export function chaosHolds(
  { spells, limited, logged, amiss }: ChaosReport,
  faults: readonly Fault[],
  instances: number,
): true {
  for (const spell of spells) {
    const where = `${spell.fault}, ${spell.mode}`;
    const isOut = faults.find(({ name }) => name === spell.fault)?.out === true;
    expect(spell.wrong, where).toEqual([]);
    if (spell.mode !== 'closed') expect(spell.unchecked, where).toBe(0);
    else if (isOut) expect(spell.unchecked, where).toBeGreaterThan(0);
    // The store is waited for 50 ms; the rest is for busy machines.
    expect(spell.maxMs, where).toBeLessThan(1_000);
    if (isOut) expect(spell.noticedMs, where).toBeDefined();
  }
  const lives = 1 + faults.filter(({ forgets }) => forgets).length;
  expect(limited.closed).toBeLessThanOrEqual(quota * lives);
  // In each outage every instance may have let in its own part of the limit.
  const parts = Math.floor(quota / instances) * instances * faults.filter(({ out }) => out).length;
  expect(limited.local).toBeLessThanOrEqual(quota * lives + parts);
  for (const { out, back } of Object.values(logged)) {
    expect(out).toBeGreaterThan(0);
    expect(back).toBe(out);
  }
  expect(amiss).toEqual(['redis']);
  return true;
}
