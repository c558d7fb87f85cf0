import type { Clock } from '../kernel/clock.ts';

/**
 * Gives up on what takes too long, where all may take equally long: the oldest comes first, so that one timer serves
 * them all and a call that is quick costs no timer of its own.
 */
export class Patience<T> {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #giveUp: (one: T) => void;
  /** Since when each is waited for, in order. */
  readonly #waiting = new Map<T, number>();
  #armed = false;

  /** Calls `giveUp` for each that was watched for `ms` milliseconds. */
  constructor(clock: Clock, ms: number, giveUp: (one: T) => void) {
    this.#clock = clock;
    this.#ms = ms;
    this.#giveUp = giveUp;
  }

  /** Waits for `one` from now on, also if it was waited for before. */
  watch(one: T): void {
    this.#waiting.delete(one);
    this.#waiting.set(one, this.#clock.now());
    if (!this.#armed) this.#arm(this.#ms);
  }

  forget(one: T): void {
    this.#waiting.delete(one);
  }

  #arm(ms: number): void {
    this.#armed = true;
    this.#clock.after(ms, () => this.#look());
  }

  #look(): void {
    this.#armed = false;
    const now = this.#clock.now();
    for (const [one, since] of this.#waiting) {
      // Timers may come a fraction of a millisecond early.
      const rest = since + this.#ms - now;
      if (rest > 1) {
        this.#arm(rest);
        return;
      }
      this.#waiting.delete(one);
      this.#giveUp(one);
    }
  }
}
