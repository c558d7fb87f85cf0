import type { FaultReason } from './fault.ts';
import type { Target } from './provider.ts';

/** Told of what the balancer does between calls and attempts; for metrics. Durations in milliseconds. */
export interface BalancerEvents {
  /** A target's breaker opened. */
  ejected(target: Target, forMs: number): void;
  /** A key of a target rests: it is over its limit, or was refused. */
  cooled(target: Target, why: 'limit' | 'credential', forMs: number): void;
  /** A provider that is probed went down, or is up again. */
  probed(provider: string, up: boolean): void;
  /** An attempt was given up, for that reason; its provider's socket closed after so long. */
  aborted(target: Target, reason: FaultReason, ms: number): void;
  /** A call waited for a free place of its route or provider; `refused` if it got none. */
  queued(scope: 'route' | 'provider', waitMs: number, refused: boolean): void;
  /** A second attempt was started; told when it is known which of the two served. */
  hedged(route: string, won: boolean): void;
  /** A cut stream was taken up again; told when it is known whether the answer came out whole. */
  recovered(route: string, mode: string, whole: boolean): void;
}

/** For whoever does not want to know. */
export const noBalancerEvents: BalancerEvents = {
  ejected() {},
  cooled() {},
  probed() {},
  aborted() {},
  queued() {},
  hedged() {},
  recovered() {},
};

/** How a target fares at this moment. */
export interface TargetState {
  readonly target: Target;
  readonly breaker: 'closed' | 'half-open' | 'open';
  /** Milliseconds until one of its keys may be used; 0 if one may now. */
  readonly coolingMs: number;
  readonly inFlight: number;
}
