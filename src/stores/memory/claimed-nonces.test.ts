import { beforeEach, describe, expect, test } from 'vitest';
import type { NonceClaim } from '../../kernel/nonce-claim.ts';
import { ClaimedNonces, type ClaimedNoncesOptions } from './claimed-nonces.ts';

let seconds: number;
beforeEach(() => {
  seconds = 1_800_000_000;
});
const clock = { wall: () => seconds * 1000 };
const nonce = (n: number) => String(n);

/** Claims at once what is not refused. */
class Guard {
  readonly #nonces: ClaimedNonces;

  constructor(nonces: ClaimedNonces) {
    this.#nonces = nonces;
  }

  get epoch(): number {
    return this.#nonces.epoch;
  }

  claim(scope: string, nonce: string, issuedAt: number, windowMs = 300_000): string {
    const claim: NonceClaim = { scope, nonce, issuedAt, windowMs };
    const refusal = this.#nonces.refusal(claim);
    if (refusal === undefined) this.#nonces.add(claim);
    return refusal ?? 'fresh';
  }
}

const guard = (more: Partial<ClaimedNoncesOptions> = {}) =>
  new Guard(new ClaimedNonces({ epochGuardMs: 0, clock, ...more }));

describe('nonces claimed in memory', () => {
  test('takes a nonce of a key once', () => {
    const one = guard();
    expect(one.claim('k1', nonce(1), seconds)).toBe('fresh');
    expect(one.claim('k1', nonce(1), seconds)).toBe('replayed');
    expect(one.claim('k1', nonce(1), seconds + 1)).toBe('replayed');
    expect(one.claim('k2', nonce(1), seconds)).toBe('fresh');
    expect(one.claim('k1', nonce(2), seconds)).toBe('fresh');
  });

  test('takes messages from the window before to half a minute ahead', () => {
    const one = guard();
    const start = seconds;
    seconds += 1_000;
    const claims = [-301, -300, 0, 30, 31].map((offset, i) => one.claim('k1', nonce(i), seconds + offset));
    expect(claims).toEqual(['expired', 'fresh', 'fresh', 'fresh', 'expired']);
    expect(one.claim('k1', nonce(9), start)).toBe('expired');
  });

  test('never takes one again, however late', () => {
    const one = guard();
    const issued = [seconds, seconds + 30];
    for (const [i, at] of issued.entries()) expect(one.claim('k1', nonce(i), at)).toBe('fresh');
    for (let i = 0; i < 800; i++) {
      seconds += 0.5;
      for (const [n, at] of issued.entries()) expect(['replayed', 'expired']).toContain(one.claim('k1', nonce(n), at));
    }
  });

  test('takes nothing that was issued before it began', () => {
    const first = guard();
    expect(first.claim('k1', nonce(1), seconds)).toBe('fresh');
    const issuedAt = seconds;
    seconds += 0.2;
    const second = guard();
    expect(second.epoch).toBe((issuedAt + 1) * 1000);
    expect(second.claim('k1', nonce(1), issuedAt)).toBe('expired');
    expect(second.claim('k1', nonce(2), issuedAt + 1)).toBe('fresh');
  });

  test('waits the epoch guard out', () => {
    const one = guard({ epochGuardMs: 30_000 });
    const start = seconds;
    expect(one.claim('k1', nonce(1), start + 29)).toBe('expired');
    seconds += 40;
    expect(one.claim('k1', nonce(2), start + 29)).toBe('expired');
    expect(one.claim('k1', nonce(3), start + 30)).toBe('fresh');
  });

  test('asking claims nothing', () => {
    const nonces = new ClaimedNonces({ epochGuardMs: 0, clock });
    const claim = { scope: 'k1', nonce: nonce(1), issuedAt: seconds, windowMs: 300_000 };
    for (let i = 0; i < 3; i++) expect(nonces.refusal(claim)).toBeUndefined();
  });

  test('keeps each as long as its own window', () => {
    const one = guard();
    one.claim('short', nonce(1), seconds, 10_000);
    one.claim('long', nonce(1), seconds, 600_000);
    seconds += 400;
    expect(one.claim('short', nonce(1), seconds, 10_000)).toBe('fresh');
    expect(one.claim('long', nonce(1), seconds, 600_000)).toBe('replayed');
  });

  test('takes none again when the clock was ahead and is set back', () => {
    const one = guard();
    const issuedAt = seconds;
    expect(one.claim('k1', nonce(1), issuedAt)).toBe('fresh');
    seconds += 3_600;
    expect(one.claim('k1', nonce(2), seconds)).toBe('fresh');
    seconds -= 3_600;
    expect(one.claim('k1', nonce(1), issuedAt)).toBe('expired');
    expect(one.claim('k1', nonce(3), issuedAt + 1)).toBe('fresh');
  });

  test('is bounded: full, it takes nothing until old nonces are of no use', () => {
    const one = guard({ capacity: 2 });
    one.claim('k1', nonce(1), seconds);
    one.claim('k1', nonce(2), seconds);
    expect(() => one.claim('k1', nonce(3), seconds)).toThrow('no more calls with a nonce');
    expect(one.claim('k1', nonce(1), seconds)).toBe('replayed');
    seconds += 301;
    expect(one.claim('k1', nonce(3), seconds)).toBe('fresh');
  });
});
