import type { Measure, Tier } from './rate-limiter.ts';

/** Told of what limits do to calls, and of how the store of the counts fares; for metrics. */
export interface LimitEvents {
  /** A call was refused by this limit; a call that several refuse is told of once for each. */
  refused(tier: Tier, measure: Measure): void;
  /** A prompt that was estimated to have so many tokens had so many by its provider's count. */
  estimated(tokens: number, real: number): void;
}

/** For whoever does not want to know. */
export const noLimitEvents: LimitEvents = { refused() {}, estimated() {} };
