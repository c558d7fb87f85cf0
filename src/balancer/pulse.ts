import type { Clock } from '../kernel/clock.ts';

/** Whether a provider answers its probes. One that is not probed always does. */
export class Pulse {
  readonly #clock: Clock;
  readonly #changed: (up: boolean) => void;
  #up = true;
  /** Probes in a row that it did not answer. */
  #missed = 0;
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
    this.#missed = 0;
    if (this.#up) return;
    this.#up = true;
    this.#changed(true);
  }

  /** It did not answer a probe: it is down at so many in a row. What becomes of the next is known in so many milliseconds. */
  failed(newsMs: number, threshold: number): void {
    this.#missed++;
    if (this.#missed < threshold) return;
    this.#newsAt = this.#clock.now() + newsMs;
    if (!this.#up) return;
    this.#up = false;
    this.#changed(false);
  }
}
