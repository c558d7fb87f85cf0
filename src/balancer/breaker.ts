import type { Clock } from '../kernel/clock.ts';

/** When a target is ejected, and for how long. Durations in milliseconds. */
export interface BreakerOptions {
  /** Failures in a row that eject. */
  readonly consecutive: number;
  /** Share of failures, 0 to 1, above which `minimum` or more requests in a window eject. */
  readonly rate: number;
  readonly minimum: number;
  readonly windowMs: number;
  /** First ejection; each further one doubles up to `maxEjectMs`. */
  readonly ejectMs: number;
  readonly maxEjectMs: number;
}

export type BreakerState = 'closed' | 'open' | 'half-open';

const slots = 10;

/**
 * A circuit breaker: closed until failures trip it, open for a while, then half-open, when a single probe decides.
 * Failures are counted in a row and as a share of a sliding window of ten slots. While it is not closed only the probe
 * tells anything: what was sent before the ejection, or in spite of it, is stale news when it ends.
 */
export class Breaker {
  readonly #clock: Clock;
  readonly #options: BreakerOptions;
  readonly #successes = new Uint32Array(slots);
  readonly #failures = new Uint32Array(slots);
  #slot = 0;
  #inARow = 0;
  #openUntil: number | undefined;
  #ejectMs = 0;
  #probing = false;

  constructor(clock: Clock, options: BreakerOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#slot = this.#currentSlot();
  }

  get state(): BreakerState {
    if (this.#openUntil === undefined) return 'closed';
    return this.#clock.now() < this.#openUntil ? 'open' : 'half-open';
  }

  /** Whether an attempt may begin: always when closed, one at a time when half-open. */
  get allows(): boolean {
    return this.#openUntil === undefined || (!this.#probing && this.#clock.now() >= this.#openUntil);
  }

  /** Milliseconds until it is half-open; 0 unless open. */
  get openMs(): number {
    return this.#openUntil === undefined ? 0 : Math.max(0, this.#openUntil - this.#clock.now());
  }

  /** An attempt begins. True if it is the probe; how it ends must then be told with `probe` set. */
  begin(): boolean {
    if (this.#openUntil === undefined || this.#probing || this.#clock.now() < this.#openUntil) return false;
    this.#probing = true;
    return true;
  }

  /** An attempt ended without telling anything of the target's health: cancelled, limited, or the caller's own fault. */
  neutral(probe: boolean): void {
    if (probe) this.#probing = false;
  }

  success(probe: boolean): void {
    if (this.#openUntil !== undefined) {
      if (!probe) return;
      this.#probing = false;
      this.#openUntil = undefined;
      this.#ejectMs = 0;
      this.#successes.fill(0);
      this.#failures.fill(0);
    }
    this.#inARow = 0;
    this.#advance();
    bump(this.#successes, this.#slot);
  }

  /** True if this failure ejected the target. */
  failure(probe: boolean): boolean {
    if (this.#openUntil !== undefined) {
      if (!probe) return false;
      this.#probing = false;
      this.#eject();
      return true;
    }
    this.#inARow++;
    this.#advance();
    bump(this.#failures, this.#slot);
    if (this.#inARow < this.#options.consecutive && !this.#rateTripped()) return false;
    this.#eject();
    return true;
  }

  #eject(): void {
    const { ejectMs, maxEjectMs } = this.#options;
    this.#ejectMs = this.#ejectMs === 0 ? ejectMs : Math.min(this.#ejectMs * 2, maxEjectMs);
    this.#openUntil = this.#clock.now() + this.#ejectMs;
    this.#inARow = 0;
  }

  #rateTripped(): boolean {
    const failures = sum(this.#failures);
    const total = failures + sum(this.#successes);
    return total >= this.#options.minimum && failures > total * this.#options.rate;
  }

  #currentSlot(): number {
    return Math.floor(this.#clock.now() / (this.#options.windowMs / slots));
  }

  /** Forgets the slots that have left the window. */
  #advance(): void {
    const current = this.#currentSlot();
    for (let slot = Math.max(this.#slot + 1, current - slots + 1); slot <= current; slot++) {
      this.#successes[slot % slots] = 0;
      this.#failures[slot % slots] = 0;
    }
    this.#slot = current;
  }
}

function bump(counts: Uint32Array, slot: number): void {
  const at = slot % slots;
  counts[at] = (counts[at] ?? 0) + 1;
}

const sum = (counts: Uint32Array): number => counts.reduce((total, count) => total + count, 0);
