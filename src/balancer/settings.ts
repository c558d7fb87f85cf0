import type { BreakerOptions } from './breaker.ts';
import type { RetryBudgetOptions } from './retry-budget.ts';

/** Limits of one attempt, in milliseconds; the caller's deadline caps them all. */
export interface AttemptTimeouts {
  /** Until the first meaningful piece of a stream. */
  readonly firstTokenMs: number;
  /** Until an answer that is not streamed. */
  readonly wholeMs: number;
  /** Between two pieces of a stream. */
  readonly idleMs: number;
  /** For the whole attempt. */
  readonly totalMs: number;
}

export interface RetrySettings {
  /** Retries a target. */
  readonly max: number;
  /** Bounds of the backoff's full jitter. */
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
  /** The longest `Retry-After` that is waited for where nothing else of the tier can serve. */
  readonly maxWaitMs: number;
}

export interface HedgeSettings {
  readonly enabled: boolean;
  /** Undefined: the route's 95th percentile. */
  readonly delayMs: number | undefined;
  /** Second attempts allowed, as a part of all calls. */
  readonly ratio: number;
}

export type RecoveryMode = 'off' | 'continue' | 'restart';

/** Places for calls at once, and for those that wait for one. */
export interface AdmissionSettings {
  /** Infinite for no bound. */
  readonly maxConcurrent: number;
  readonly maxQueue: number;
  readonly maxQueueMs: number;
}

/** How a route's calls are served. */
export interface RouteSettings {
  readonly timeouts: AttemptTimeouts;
  readonly retry: RetrySettings;
  readonly hedge: HedgeSettings;
  readonly recovery: RecoveryMode;
  /** Whether a prompt too long for one target goes to the next. */
  readonly contextFallback: boolean;
  readonly admission: AdmissionSettings;
}

/** What one route sets for itself. */
export type RouteOverrides = {
  readonly [K in Exclude<keyof RouteSettings, 'recovery' | 'contextFallback'>]?: Partial<RouteSettings[K]>;
} & { readonly recovery?: RecoveryMode | undefined; readonly contextFallback?: boolean };

/** What one provider sets for itself; a route's own timeouts come first. */
export interface ProviderOverrides {
  readonly timeouts?: Partial<AttemptTimeouts>;
  readonly breaker?: Partial<BreakerOptions>;
  readonly admission?: Partial<AdmissionSettings>;
}

export interface BalancerSettings extends RouteSettings {
  readonly breaker: BreakerOptions;
  readonly budget: RetryBudgetOptions;
  readonly routes: ReadonlyMap<string, RouteOverrides>;
  readonly providers: ReadonlyMap<string, ProviderOverrides>;
}

/** `over` on `base`, where it has a value. */
export function overlay<T extends object>(
  base: T,
  over: { readonly [K in keyof T]?: T[K] | undefined } | undefined,
): T {
  if (over === undefined) return base;
  const merged: T = { ...base };
  for (const key in over) {
    const value = over[key];
    if (value !== undefined) merged[key] = value as T[typeof key];
  }
  return merged;
}
