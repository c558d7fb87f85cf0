import type { ClaimRefusal, NonceClaim } from './nonce-claim.ts';

/**
 * What calls are counted by: all together, the user who calls, the address that they come from, the model that is asked
 * for, and one user's calls of one model.
 */
export type Tier = 'global' | 'user' | 'ip' | 'model' | 'user_model';

/** What is counted. */
export type Measure = 'requests' | 'tokens' | 'concurrent' | 'budget';

/** At most so many in any time of this length. */
export interface Quota {
  readonly count: number;
  readonly windowMs: number;
}

/** What one subject may do; no limit where a field is left out. */
export interface Limits {
  readonly requests?: Quota;
  /** Requests that may come at once; further ones in an even flow of `requests`. */
  readonly burst?: number;
  /** Prompt and completion together. */
  readonly tokens?: Quota;
  /** Calls under way. */
  readonly concurrent?: number;
  /** What calls may cost, in billionths of a US dollar. */
  readonly budget?: Quota;
}

/** Who or what is limited. */
export interface Subject {
  readonly tier: Tier;
  /** Tells it from others of its tier; empty for the one subject of `global`. */
  readonly name: string;
  readonly limits: Limits;
}

/**
 * What a call asks for: one request, a place among the concurrent ones, so many tokens and so much money, of every
 * subject; and to be the first with its nonce, where it has one. Demands and decisions are plain data, so that they may
 * travel to the process that decides.
 */
export interface Demand {
  readonly subjects: readonly Subject[];
  readonly tokens: number;
  /** In billionths of a US dollar, a whole number. */
  readonly cost: number;
  /** Tokens and cost are a guess, for the caller set no bound: less may be reserved where it has to do. */
  readonly guessed?: boolean;
  readonly claim?: NonceClaim | undefined;
}

/** How much of a quota is used. */
export interface Level {
  /** More than the quota where real usage went beyond what was reserved. */
  readonly used: number;
  /** Until none of it is used, if nothing more comes. */
  readonly resetMs: number;
}

/** Where a subject stands after a decision. */
export interface Standing {
  readonly subject: Subject;
  readonly requests: Level | undefined;
  readonly tokens: Level | undefined;
  readonly budget: Level | undefined;
}

/** One limit that a call would exceed. */
export interface Refusal {
  readonly subject: Subject;
  readonly measure: Measure;
  /** Until the same call would fit, if nothing more comes; infinite where it never would. Not known of `concurrent`. */
  readonly waitMs: number | undefined;
}

export interface Decision {
  /** What an admitted call holds while it runs, by a number that this limiter gives once; undefined for one that is refused. */
  readonly lease: number | undefined;
  /** Why the claim is refused, of which nothing was counted then; undefined where it is not, or there is none. */
  readonly claim: ClaimRefusal | undefined;
  /** Every limit in the way; none for a call that is admitted. */
  readonly refusals: readonly Refusal[];
  /** In the order of the subjects; none where the claim is refused. */
  readonly standings: readonly Standing[];
}

/** Counts what calls use, and remembers what they claimed. */
export interface RateLimiter {
  /**
   * Decides on a call in one step: either its claim is the first and every subject has room for it, and it is claimed and
   * counted everywhere, or it is refused, and claimed and counted nowhere. Throws ADMISSION_UNAVAILABLE where that can't be
   * decided.
   */
  take(demand: Demand): Decision | Promise<Decision>;
  /** The call of this lease is over: its place is free, and it used so many tokens and cost so much. Only the first word counts. */
  settle(lease: number, tokens: number, cost: number): void;
}
