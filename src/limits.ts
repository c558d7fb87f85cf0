import { create } from '@bufbuild/protobuf';
import { type HealthComponent, HealthComponentSchema, HealthStatus } from '../gen/es/llmbridge/v1/health_service_pb.ts';
import type { GatewayConfig } from './config/gateway-config.ts';
import { createAdmit, type TierLimits } from './interceptors/admit.ts';
import type { Clock } from './kernel/clock.ts';
import type { LimitEvents, OutageMode } from './kernel/limit-events.ts';
import type { Interceptor } from './kernel/method.ts';
import type { Limits, RateLimiter, Tier } from './kernel/rate-limiter.ts';
import type { ComponentProbe } from './services/health.ts';
import { GuardedRateLimiter } from './stores/guarded-rate-limiter.ts';
import { MemoryRateLimiter } from './stores/memory/rate-limiter.ts';
import { connectRedis, namesRedis } from './stores/redis/connection.ts';
import { RedisRateLimiter } from './stores/redis/rate-limiter.ts';
import type { GatewayEvents } from './telemetry/gateway-events.ts';

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

/** Limits, as the configuration has them. */
export interface GatewayLimits {
  /** None where no limit is set. */
  readonly interceptors: readonly Interceptor[];
  /** How the store fares, where there is one. */
  readonly components: readonly ComponentProbe[];
  /** Resolves when the store is there, or has had time enough to be. */
  begun(): Promise<void>;
  close(): Promise<void>;
}

/** How long the start waits for the store, and the end for its last answers. */
const patienceMs = 1_000;

type Told = Pick<GatewayEvents, 'limitStore' | 'configWarning'>;

export function createLimits(
  { rate_limit: group, redis }: Pick<GatewayConfig, 'rate_limit' | 'redis'>,
  clock: Clock,
  metrics: LimitEvents,
  told: Told,
): GatewayLimits {
  const limits = tierLimits(group);
  const none = { interceptors: [], components: [], begun: async () => {}, close: async () => {} };
  if (!limits.global && !limits.user && !limits.ip && limits.users.size === 0) return none;
  const memory = new MemoryRateLimiter(clock);
  const admit = (limiter: RateLimiter, events: LimitEvents) => [
    createAdmit({ limits, limiter, assumedCompletion: group.assumed_completion, events }),
  ];
  if (!namesRedis(redis) || group.store === 'memory') return { ...none, interceptors: admit(memory, metrics) };

  const events: LimitEvents = {
    ...metrics,
    storeOut(out) {
      metrics.storeOut(out);
      told.limitStore(out);
    },
  };
  const ready = Promise.withResolvers<void>();
  let warned = false;
  const connection = connectRedis({
    ...redis,
    key: `${redis.prefix}{limits}`,
    // Each decision that fails by it is counted, and the outage logged once.
    failed: () => {},
    ready(policy) {
      ready.resolve();
      if (warned || policy === undefined || policy === 'noeviction') return;
      warned = true;
      told.configWarning('redis', `the server may forget counts when it is full: its maxmemory-policy is ${policy}`);
    },
  });
  const store = new RedisRateLimiter({ redis: connection, prefix: redis.prefix, leaseMs: group.lease, clock });
  const guarded = new GuardedRateLimiter({
    store,
    local: memory,
    timeoutMs: group.store_timeout,
    onOutage: group.on_outage,
    instances: group.instances,
    clock,
    events,
  });
  const patience = () => new Promise<void>((resolve) => void setTimeout(resolve, patienceMs).unref());
  return {
    interceptors: admit(guarded, events),
    components: [() => [storeComponent(guarded.out, group.on_outage)]],
    begun: () => Promise.race([ready.promise, patience()]),
    async close() {
      store.close();
      // What was sent is answered before that.
      if (connection.status === 'ready') await Promise.race([connection.quit().catch(() => {}), patience()]);
      connection.disconnect();
    },
  };
}

function storeComponent(out: boolean, onOutage: Readonly<Record<Tier, OutageMode>>): HealthComponent {
  return create(HealthComponentSchema, {
    name: 'redis',
    status: out ? HealthStatus.DEGRADED : HealthStatus.SERVING,
    message: out
      ? `out: limits of all calls are ${onOutage.global}, of users ${onOutage.user}, of addresses ${onOutage.ip}`
      : '',
  });
}
