/** How long a measurement weighs, in milliseconds. */
const decayMs = 10_000;

/**
 * Peak EWMA of a target's time to its answer: a slower one counts at once, faster ones bring it down over some ten
 * seconds.
 */
export class PeakLatency {
  #value = 0;
  #at = 0;

  /** Milliseconds; 0 before the first measurement. */
  get value(): number {
    return this.#value;
  }

  /** @param ms the measurement. @param now monotonic milliseconds. */
  observe(ms: number, now: number): void {
    if (ms > this.#value) {
      this.#value = ms;
    } else {
      const weight = Math.exp(-(now - this.#at) / decayMs);
      this.#value = this.#value * weight + ms * (1 - weight);
    }
    this.#at = now;
  }
}
