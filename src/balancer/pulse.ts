import type { Clock } from '../kernel/clock.ts';

/** Whether a provider answers its probes. One that is not probed always does. */
export class Pulse {
  readonly #clock: Clock;
  readonly #changed: (up: boolean) => void;
  #up = true;
  #newsAt = 0;

  constructor(clock: Clock, changed: (up: boolean) => void = () => {}) {
    this.#clock = clock;
    this.#changed = changed;
  }

  get up(): boolean {
    return this.#up;
  }

  /** Milliseconds until there is news of it; 0 while it is up. */
  get downMs(): number {
    return this.#up ? 0 : Math.max(0, this.#newsAt - this.#clock.now());
  }

  /** It answered a probe, or a call. */
  succeeded(): void {
    if (this.#up) return;
    this.#up = true;
    this.#changed(true);
  }

  /** It did not answer a probe; what becomes of the next one is known in so many milliseconds. */
  failed(newsMs: number): void {
    this.#newsAt = this.#clock.now() + newsMs;
    if (!this.#up) return;
    this.#up = false;
    this.#changed(false);
  }
}
