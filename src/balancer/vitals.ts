import type { BalancerEvents } from '../kernel/balancer-events.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Fault, FaultReason } from '../kernel/fault.ts';
import type { Target } from '../kernel/provider.ts';
import { Breaker, type BreakerOptions } from './breaker.ts';
import { PeakLatency } from './latency.ts';
import { Pulse } from './pulse.ts';
import { RetryBudget, type RetryBudgetOptions } from './retry-budget.ts';

/** How long a key rests that the provider refused, in milliseconds. */
const credentialRestMs = 60_000;
/** How long a key cools whose limit came without a `Retry-After`. */
const limitRestMs = 1_000;

export interface VitalsOptions {
  readonly breaker: BreakerOptions;
  readonly budget: RetryBudgetOptions;
}

/** How one model at one provider fares: what filters and orders decide by. */
export class TargetVitals {
  readonly breaker: Breaker;
  readonly budget: RetryBudget;
  /** Time to the first token of streams. */
  readonly firstToken = new PeakLatency();
  /** Time to answers that are not streamed. */
  readonly whole = new PeakLatency();
  /** Attempts under way. */
  inFlight = 0;
  /** Of its provider. */
  readonly pulse: Pulse;
  readonly #target: Target;
  readonly #clock: Clock;
  readonly #events: () => BalancerEvents;
  /** Until when each key cools, by its position; monotonic milliseconds. */
  readonly #coolUntil: Float64Array;
  #nextKey = 0;

  constructor(
    target: Target,
    clock: Clock,
    options: VitalsOptions,
    events: () => BalancerEvents,
    pulse: Pulse = new Pulse(clock),
  ) {
    this.pulse = pulse;
    this.#target = target;
    this.#clock = clock;
    this.#events = events;
    this.breaker = new Breaker(clock, options.breaker);
    this.budget = new RetryBudget(clock, options.budget);
    this.#coolUntil = new Float64Array(Math.max(1, target.provider.keys.length));
  }

  get keys(): number {
    return this.#coolUntil.length;
  }

  /** Whether a key may be used now. */
  get hasKey(): boolean {
    const until = this.#coolUntil;
    if (until.length === 1) return until[0] === 0 || this.coolingMs === 0;
    return this.coolingMs === 0;
  }

  /** The position of the next key that may be used, in turn; while all cool, of the one whose turn it is. */
  takeKey(): number {
    const now = this.#clock.now();
    const count = this.#coolUntil.length;
    for (let i = 0; i < count; i++) {
      const key = (this.#nextKey + i) % count;
      if ((this.#coolUntil[key] ?? 0) <= now) {
        this.#nextKey = (key + 1) % count;
        return key;
      }
    }
    return this.#nextKey;
  }

  /** Milliseconds until some key may be used again; 0 if one may now. */
  get coolingMs(): number {
    let soonest = Number.POSITIVE_INFINITY;
    for (const until of this.#coolUntil) soonest = Math.min(soonest, until);
    return soonest === 0 ? 0 : Math.max(0, soonest - this.#clock.now());
  }

  /** An attempt begins; true if it is the breaker's probe. */
  begin(): boolean {
    this.inFlight++;
    return this.breaker.begin();
  }

  /** An attempt ended, and the place that it took is free. */
  end(key: number, probe: boolean, fault: Fault | undefined): void {
    this.inFlight--;
    if (fault === undefined) {
      this.breaker.success(probe);
      this.pulse.succeeded();
      return;
    }
    switch (fault.detail.blame) {
      case 'provider':
        if (this.breaker.failure(probe)) this.#events().ejected(this.#target, this.breaker.openMs);
        break;
      case 'limit':
        this.breaker.neutral(probe);
        this.#cool(key, 'limit', fault.detail.retryAfterMs ?? limitRestMs);
        break;
      case 'credential':
        this.breaker.neutral(probe);
        this.#cool(key, 'credential', credentialRestMs);
        break;
      default:
        this.breaker.neutral(probe);
    }
  }

  /** An attempt was given up, and the provider's socket closed after so long. */
  aborted(reason: FaultReason, ms: number): void {
    this.#events().aborted(this.#target, reason, ms);
  }

  #cool(key: number, why: 'limit' | 'credential', ms: number): void {
    this.#coolUntil[key] = Math.max(this.#coolUntil[key] ?? 0, this.#clock.now() + ms);
    this.#events().cooled(this.#target, why, ms);
  }
}
