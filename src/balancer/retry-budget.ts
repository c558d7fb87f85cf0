import type { Clock } from '../kernel/clock.ts';

export interface RetryBudgetOptions {
  /** Retries allowed per call, 0 to 1. */
  readonly ratio: number;
  /** Retries allowed in any case, per window. */
  readonly minimum: number;
  readonly windowMs: number;
}

/** Keeps retries from multiplying an outage: a share of recent calls, and a few in any case. */
export class RetryBudget {
  readonly #clock: Clock;
  readonly #options: RetryBudgetOptions;
  #windowStart: number;
  #calls = 0;
  #retries = 0;
  #previousCalls = 0;
  #previousRetries = 0;

  constructor(clock: Clock, options: RetryBudgetOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#windowStart = clock.now();
  }

  call(): void {
    this.#advance();
    this.#calls++;
  }

  /** Takes one retry, if there is one left. */
  take(): boolean {
    this.#advance();
    const { ratio, minimum } = this.#options;
    const calls = this.#calls + this.#previousCalls;
    const retries = this.#retries + this.#previousRetries;
    if (retries + 1 > minimum + calls * ratio) return false;
    this.#retries++;
    return true;
  }

  /** Two half windows: what is older than both is forgotten. */
  #advance(): void {
    const half = this.#options.windowMs / 2;
    const passed = Math.floor((this.#clock.now() - this.#windowStart) / half);
    if (passed <= 0) return;
    this.#previousCalls = passed === 1 ? this.#calls : 0;
    this.#previousRetries = passed === 1 ? this.#retries : 0;
    this.#calls = 0;
    this.#retries = 0;
    this.#windowStart += passed * half;
  }
}
