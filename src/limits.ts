import type { GatewayConfig } from './config/gateway-config.ts';
import { createAdmit, type TierLimits } from './interceptors/admit.ts';
import type { Clock } from './kernel/clock.ts';
import type { LimitEvents } from './kernel/limit-events.ts';
import type { Interceptor } from './kernel/method.ts';
import type { Limits } from './kernel/rate-limiter.ts';
import { MemoryRateLimiter } from './stores/memory/rate-limiter.ts';

type RateLimitGroup = GatewayConfig['rate_limit'];

/** A tier's limits, or undefined where it has none. */
function limitsOf({ requests, burst, tokens, concurrent }: RateLimitGroup['global']): Limits | undefined {
  if (requests === undefined && tokens === undefined && concurrent === undefined) return undefined;
  return {
    ...(requests && { requests }),
    ...(requests && burst !== undefined && { burst }),
    ...(tokens && { tokens }),
    ...(concurrent !== undefined && { concurrent }),
  };
}

/** The limits that the configuration sets. A user's own stand in for the tier's one by one; a burst goes with its requests. */
export function tierLimits({ global, user, ip }: RateLimitGroup): TierLimits {
  const { overrides, ...everyUser } = user;
  const users = new Map<string, Limits>();
  for (const [name, own] of Object.entries(overrides)) {
    const burst = own.requests === undefined ? (own.burst ?? everyUser.burst) : own.burst;
    const limits = limitsOf({
      requests: own.requests ?? everyUser.requests,
      burst,
      tokens: own.tokens ?? everyUser.tokens,
      concurrent: own.concurrent ?? everyUser.concurrent,
    });
    if (limits !== undefined) users.set(name, limits);
  }
  const all = limitsOf(global);
  const each = limitsOf(everyUser);
  const address = limitsOf(ip);
  return { ...(all && { global: all }), ...(each && { user: each }), users, ...(address && { ip: address }) };
}

/** Limits, as the configuration has them; no interceptors where it sets none. */
export function createLimits(group: RateLimitGroup, clock: Clock, events: LimitEvents): readonly Interceptor[] {
  const limits = tierLimits(group);
  if (!limits.global && !limits.user && !limits.ip && limits.users.size === 0) return [];
  const limiter = new MemoryRateLimiter(clock);
  return [createAdmit({ limits, limiter, assumedCompletion: group.assumed_completion, events })];
}
