/** What calls are counted by: all together, the user who calls, the address that they come from. */
export type Tier = 'global' | 'user' | 'ip';

/** What is counted. */
export type Measure = 'requests' | 'tokens' | 'concurrent';

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
}

/** Who or what is limited. */
export interface Subject {
  readonly tier: Tier;
  /** Tells it from others of its tier; empty for the one subject of `global`. */
  readonly name: string;
  readonly limits: Limits;
}

/** What a call asks for: one request, a place among the concurrent ones, and so many tokens, of every subject. */
export interface Demand {
  readonly subjects: readonly Subject[];
  readonly tokens: number;
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
}

/** One limit that a call would exceed. */
export interface Refusal {
  readonly subject: Subject;
  readonly measure: Measure;
  /** Until the same call would fit, if nothing more comes; infinite where it never would. Not known of `concurrent`. */
  readonly waitMs: number | undefined;
}

/** What a call holds while it runs. */
export interface Reservation {
  /** The call is over: its place is free, and it used so many tokens. Only the first word counts. */
  settle(tokens: number): void;
}

export interface Decision {
  /** Undefined for a call that is refused. */
  readonly reservation: Reservation | undefined;
  /** Every limit in the way; none for a call that is admitted. */
  readonly refusals: readonly Refusal[];
  /** In the order of the subjects. */
  readonly standings: readonly Standing[];
}

/** Counts what calls use. */
export interface RateLimiter {
  /**
   * Decides on a call in one step: either every subject has room for it and it is counted everywhere, or it is refused
   * and counted nowhere. Throws ADMISSION_UNAVAILABLE where that can't be decided.
   */
  take(demand: Demand): Decision | Promise<Decision>;
}
