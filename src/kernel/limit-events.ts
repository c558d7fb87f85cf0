import type { ClaimRefusal } from './nonce-claim.ts';
import type { Measure, Tier } from './rate-limiter.ts';

/** Told of what limits do to calls, and of how the store of the counts fares; for metrics. */
export interface LimitEvents {
  /** A call was refused by this limit; a call that several refuse is told of once for each. */
  refused(tier: Tier, measure: Measure): void;
  /** A prompt that was estimated to have so many tokens had so many by its provider's count. */
  estimated(tokens: number, real: number): void;
  /** A call was counted against budgets at nothing, for want of a price of what it may ask. */
  unpriced(): void;
  /** A call's claim was refused. */
  claimRefused(why: ClaimRefusal): void;
  /** A call waited so long for the store, whatever came of it; in milliseconds. */
  storeWaited(ms: number): void;
  /** The store did not answer a decision, or not in time. */
  storeFailed(why: StoreFailure): void;
  /** It is asked no more for a while, or answers again. */
  storeOut(out: boolean): void;
  /** A call was judged without the store, in this way for this tier. */
  fellBack(tier: Tier, mode: OutageMode): void;
}

export type StoreFailure = 'timeout' | 'error';

/** What a tier does while the store is out: let all in, let nobody in, or count in this process alone. */
export type OutageMode = 'open' | 'closed' | 'local';

/** For whoever does not want to know. */
export const noLimitEvents: LimitEvents = {
  refused() {},
  estimated() {},
  unpriced() {},
  claimRefused() {},
  storeWaited() {},
  storeFailed() {},
  storeOut() {},
  fellBack() {},
};
