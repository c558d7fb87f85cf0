import type { Clock } from '../../kernel/clock.ts';

/**
 * Calls `ping` whenever nothing was written for `intervalMs`, until it is stopped. One timer for a stream: it is not set
 * anew by each write, but looks how long ago the last one was.
 */
export class SsePing {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #ping: () => void;
  #wroteAt: number;
  #stopTimer: () => void;

  constructor(clock: Clock, intervalMs: number, ping: () => void) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#ping = ping;
    this.#wroteAt = clock.now();
    this.#stopTimer = clock.after(intervalMs, this.#look);
  }

  wrote(): void {
    this.#wroteAt = this.#clock.now();
  }

  stop(): void {
    this.#stopTimer();
  }

  readonly #look = (): void => {
    const left = this.#wroteAt + this.#intervalMs - this.#clock.now();
    if (left <= 0) {
      this.wrote();
      this.#ping();
    }
    this.#stopTimer = this.#clock.after(left > 0 ? left : this.#intervalMs, this.#look);
  };
}
