import type { Clock } from '../kernel/clock.ts';
import { RetryBudget } from './retry-budget.ts';
import type { HedgeSettings } from './settings.ts';

const samples = 256;
/** Too few measurements tell no percentile. */
const fewest = 20;
const refreshEvery = 16;
const windowMs = 60_000;

/** When a route's calls get a second attempt: after the 95th percentile of its times to first token, or a set delay. */
export class HedgePace {
  readonly #settings: HedgeSettings;
  readonly #budget: RetryBudget;
  readonly #times = new Float64Array(samples);
  #count = 0;
  #p95 = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, settings: HedgeSettings) {
    this.#settings = settings;
    this.#budget = new RetryBudget(clock, { ratio: settings.ratio, minimum: 0, windowMs });
  }

  /** Milliseconds to wait for a first token before a second attempt; infinite for never. Counts the call. */
  begin(): number {
    if (!this.#settings.enabled) return Number.POSITIVE_INFINITY;
    this.#budget.call();
    return this.#settings.delayMs ?? this.#p95;
  }

  /** Takes a second attempt from the budget, if there is one left. */
  take(): boolean {
    return this.#budget.take();
  }

  /** A call's time to first token, in milliseconds. */
  observe(ms: number): void {
    if (!this.#settings.enabled || this.#settings.delayMs !== undefined) return;
    this.#times[this.#count % samples] = ms;
    this.#count++;
    if (this.#count < fewest || this.#count % refreshEvery !== 0) return;
    const sorted = this.#times.slice(0, Math.min(this.#count, samples)).sort();
    this.#p95 = sorted[Math.ceil(sorted.length * 0.95) - 1] ?? Number.POSITIVE_INFINITY;
  }
}
