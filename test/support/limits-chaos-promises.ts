import { expect } from 'vitest';
import { type ChaosReport, type Fault, quota } from './limits-chaos.ts';

/** What a takeover may lose: the limited user's calls of about half a second. */
const mostLost = 5;

/** Fails where a mode did not do as it promises, whatever was done to the store. */
export function chaosHolds(
  { spells, limited, logged, amiss, waits }: ChaosReport,
  faults: readonly Fault[],
  instances: number,
): true {
  for (const spell of spells) {
    const where = `${spell.fault}, ${spell.mode}`;
    const isOut = faults.find(({ name }) => name === spell.fault)?.out === true;
    expect(spell.wrong, where).toEqual([]);
    if (spell.mode !== 'closed') expect(spell.unchecked, where).toBe(0);
    else if (isOut) expect(spell.unchecked, where).toBeGreaterThan(0);
    // The store is waited for 50 ms; the rest is for busy machines, which hold up calls now and then.
    expect(spell.medianMs, where).toBeLessThan(500);
    if (isOut) expect(spell.noticedMs, where).toBeDefined();
  }
  const lives = 1 + faults.filter(({ forgets }) => forgets).length;
  // A replica that takes over may lack what the last master let in when it was none any more.
  const lost = mostLost * faults.filter(({ takenOver }) => takenOver).length;
  expect(limited.closed ?? 0).toBeLessThanOrEqual(quota * lives + lost);
  // In each outage every instance may have let in its own part of the limit.
  const parts = Math.floor(quota / instances) * instances * faults.filter(({ out }) => out).length;
  expect(limited.local ?? 0).toBeLessThanOrEqual(quota * lives + lost + parts);
  for (const { out, back } of Object.values(logged)) {
    expect(out).toBeGreaterThan(0);
    expect(back).toBe(out);
  }
  // Told by the gateways themselves: how long calls waited for the store.
  const waited = Object.values(waits).reduce((sum, { calls }) => sum + calls, 0);
  const tooLong = Object.values(waits).reduce((sum, { over100 }) => sum + over100, 0);
  expect(waited).toBeGreaterThan(0);
  expect(tooLong / waited).toBeLessThan(0.25);
  expect(amiss).toEqual(['redis']);
  return true;
}
