import { create } from '@bufbuild/protobuf';
import { type HealthComponent, HealthComponentSchema, HealthStatus } from '../gen/es/llmbridge/v1/health_service_pb.ts';
import type { GatewayConfig } from './config/gateway-config.ts';
import { createAdmit } from './interceptors/admit.ts';
import { limitsAnything, type TierLimits } from './interceptors/limited-subjects.ts';
import { type AskedModelOf, inNanoDollars } from './kernel/asked-model.ts';
import type { Clock } from './kernel/clock.ts';
import type { LimitEvents } from './kernel/limit-events.ts';
import type { Interceptor } from './kernel/method.ts';
import type { Limits, RateLimiter } from './kernel/rate-limiter.ts';
import { limitsInMemory } from './limits-in-memory.ts';
import type { ComponentProbe } from './services/health.ts';
import { failuresToOpen, GuardedRateLimiter } from './stores/guarded-rate-limiter.ts';
import { namesRedis } from './stores/redis/place.ts';
import { RedisRateLimiter } from './stores/redis/rate-limiter.ts';
import type { GatewayEvents } from './telemetry/gateway-events.ts';

type RateLimitGroup = GatewayConfig['rate_limit'];

/** A subject's limits, or undefined where it has none. */
function limitsOf({ requests, burst, tokens, concurrent, budget }: RateLimitGroup['global']): Limits | undefined {
  if (!requests && !tokens && concurrent === undefined && !budget) return undefined;
  return {
    ...(requests && { requests }),
    ...(requests && burst !== undefined && { burst }),
    ...(tokens && { tokens }),
    ...(concurrent !== undefined && { concurrent }),
    ...(budget && { budget: { count: inNanoDollars(budget.usd), windowMs: budget.windowMs } }),
  };
}

function modelLimits(models: RateLimitGroup['models']): Map<string, Limits> {
  const limits = new Map<string, Limits>();
  for (const [name, group] of Object.entries(models)) {
    const own = limitsOf(group);
    if (own !== undefined) limits.set(name, own);
  }
  return limits;
}

/** The limits that the configuration sets. A user's own stand in for the tier's one by one; a burst goes with its requests. */
export function tierLimits({ global, user, ip, models }: RateLimitGroup): TierLimits {
  const { overrides, ...everyUser } = user;
  const users = new Map<string, Limits>();
  const userModels = new Map<string, Map<string, Limits>>();
  for (const [name, { models: ofUser, ...own }] of Object.entries(overrides)) {
    const burst = own.requests === undefined ? (own.burst ?? everyUser.burst) : own.burst;
    const limits = limitsOf({
      requests: own.requests ?? everyUser.requests,
      burst,
      tokens: own.tokens ?? everyUser.tokens,
      concurrent: own.concurrent ?? everyUser.concurrent,
      budget: own.budget ?? everyUser.budget,
    });
    if (limits !== undefined) users.set(name, limits);
    const both = modelLimits(ofUser);
    if (both.size > 0) userModels.set(name, both);
  }
  const all = limitsOf(global);
  const each = limitsOf(everyUser);
  const address = limitsOf(ip);
  return {
    ...(all && { global: all }),
    ...(each && { user: each }),
    users,
    ...(address && { ip: address }),
    models: modelLimits(models),
    userModels,
  };
}

/** Limits, as the configuration has them. */
export interface GatewayLimits {
  readonly interceptors: readonly Interceptor[];
  /** How the store fares, where there is one. */
  readonly components: readonly ComponentProbe[];
  /** Resolves when the store is there, or has had time enough to be. */
  begun(): Promise<void>;
  close(): Promise<void>;
}

/** How long the start waits for the store, and the end for its last answers. */
const patienceMs = 1_000;

/** How often the store is asked where readiness hangs on it. */
const checkEveryMs = 500;

export interface LimitsOptions {
  readonly config: Pick<GatewayConfig, 'rate_limit' | 'redis' | 'security'>;
  readonly clock: Clock;
  readonly askedModel: AskedModelOf;
  readonly metrics: LimitEvents;
  readonly told: Pick<GatewayEvents, 'limitStore' | 'limitStoreUnreachable' | 'configWarning'>;
  /** Told whether the gateway is ready, where that hangs on the store. */
  readonly ready: (ready: boolean) => void;
  /** Where this process is one of several workers. */
  readonly workers?: { readonly count: number; readonly limiter: RateLimiter };
}

const patience = () => new Promise<void>((resolve) => void setTimeout(resolve, patienceMs).unref());

/** The clock's timers keep no process alive, and before its port is open nothing else does. */
const passed = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, Math.max(0, ms)));

/** Who may go on: one step takes a call's limits and what it claims. */
export async function createLimits(options: LimitsOptions): Promise<GatewayLimits> {
  const { config, clock, askedModel, metrics, told, workers } = options;
  const { rate_limit: group, redis } = config;
  const { sealing, request_signing: signing } = config.security;
  const limits = tierLimits(group);
  const { nonces, limiter: memory } = limitsInMemory(sealing.epoch_guard, clock);
  // There even without a limit: keys may be added while the gateway runs, and what is opened must be claimed.
  const admit = (limiter: RateLimiter, events: LimitEvents) => [
    createAdmit({ limits, limiter, assumedCompletion: group.assumed_completion, askedModel, events }),
  ];
  const opens = sealing.mode !== 'off' && sealing.keys.length > 0;
  const claims = opens || (signing.mode !== 'off' && signing.keys.length > 0);
  const shared =
    namesRedis(redis) &&
    group.store !== 'memory' &&
    (limitsAnything(limits) || sealing.mode !== 'off' || signing.mode !== 'off');
  if (!shared) {
    return {
      interceptors: admit(workers?.limiter ?? memory, metrics),
      components: [],
      begun: () => passed(claims ? nonces.epoch - clock.wall() : 0),
      close: async () => {},
    };
  }

  const { connectRedis, failureWord } = await import('./stores/redis/connection.ts');
  const events: LimitEvents = {
    ...metrics,
    storeOut(out) {
      metrics.storeOut(out);
      told.limitStore(out);
      if (!group.ready_on_outage) options.ready(!out);
    },
  };
  const connected = Promise.withResolvers<void>();
  const epochBegun = Promise.withResolvers<void>();
  let warned = false;
  const unreachable = new Set<string>();
  const connection = connectRedis({
    ...redis,
    key: `${redis.prefix}{limits}`,
    failed(error) {
      const why = failureWord(error);
      if (unreachable.has(why)) return;
      unreachable.add(why);
      told.limitStoreUnreachable(why);
    },
    ready(policy) {
      unreachable.clear();
      // As early as may be: what is issued before an epoch is refused.
      connected.resolve();
      store
        .beginEpoch()
        .then(passed, (thrown: Error) => {
          const text = `calls with a nonce are refused: the server begins no epoch (${failureWord(thrown)}); INFO must be allowed`;
          if (claims && connection.status === 'ready') told.configWarning('redis', text);
        })
        .finally(epochBegun.resolve);
      if (warned || policy === undefined || policy === 'noeviction') return;
      warned = true;
      told.configWarning('redis', `the server may forget counts when it is full: its maxmemory-policy is ${policy}`);
    },
  });
  const store = new RedisRateLimiter({
    redis: connection,
    prefix: redis.prefix,
    leaseMs: group.lease,
    epochGuardMs: sealing.epoch_guard,
    clock,
  });
  const onOutage = { ...group.on_outage, user_model: group.on_outage.user };
  const guarded = new GuardedRateLimiter({
    store,
    local: memory,
    timeoutMs: group.store_timeout,
    onOutage,
    onClaimOutage: sealing.on_outage,
    instances: group.instances * (workers?.count ?? 1),
    clock,
    events,
  });
  let stopChecking = () => {};
  /** An instance that is not ready gets no calls, which would tell how the store fares. */
  const check = async (times = 1): Promise<void> => {
    for (let i = 0; i < times; i++) await guarded.check();
    stopChecking = clock.after(checkEveryMs, () => void check());
  };
  return {
    interceptors: admit(guarded, events),
    components: [() => [storeComponent(guarded.out, group.on_outage, opens ? sealing.on_outage : undefined)]],
    async begun() {
      await Promise.race([connected.promise, patience()]);
      // An epoch begins at a whole second.
      if (connection.status === 'ready') await Promise.race([epochBegun.promise, patience().then(patience)]);
      if (!group.ready_on_outage) await check(failuresToOpen);
    },
    async close() {
      stopChecking();
      store.close();
      // What was sent is answered before that.
      if (connection.status === 'ready') await Promise.race([connection.quit().catch(() => {}), patience()]);
      connection.disconnect();
    },
  };
}

function storeComponent(
  out: boolean,
  onOutage: GatewayConfig['rate_limit']['on_outage'],
  sealed: 'open' | 'closed' | undefined,
): HealthComponent {
  const limits = `limits of all calls are ${onOutage.global}, of users ${onOutage.user}, of addresses ${onOutage.ip}, of models ${onOutage.model}`;
  const calls = sealed === undefined ? '' : `; sealed calls are ${sealed === 'open' ? 'taken' : 'refused'}`;
  return create(HealthComponentSchema, {
    name: 'redis',
    status: out ? HealthStatus.DEGRADED : HealthStatus.SERVING,
    message: out ? `out: ${limits}${calls}` : '',
  });
}
