import { type CacheOptions, createCache } from './chat/cache/cache.ts';
import type { CachePolicy } from './chat/cache/rules.ts';
import type { GatewayConfig } from './config/gateway-config.ts';
import type { Clock } from './kernel/clock.ts';
import type { Interceptor } from './kernel/method.ts';
import type { CacheEvents, ResponseStore } from './kernel/response-cache.ts';
import { MemoryResponseStore } from './stores/memory/response-store.ts';
import { namesRedis } from './stores/redis/place.ts';
import { cachePrefix, RedisResponseStore } from './stores/redis/response-store.ts';
import type { CacheSize } from './telemetry/cache-metrics.ts';

type Group = GatewayConfig['cache'];
type RouteGroup = GatewayConfig['models'][number]['cache'];

/** How a route's answers are kept, or undefined where they are not; without a route, as the group says. */
function policyOf(group: Group, route: RouteGroup): CachePolicy | undefined {
  if (!(route?.enabled ?? group.enabled)) return undefined;
  return {
    ttlMs: route?.ttl ?? group.ttl,
    when: route?.when ?? group.when,
    maxTemperature: route?.max_temperature ?? group.max_temperature,
  };
}

/** The response cache, as the configuration has it. */
export interface GatewayCache {
  /** None where no model's answers are kept. */
  readonly interceptors: readonly Interceptor[];
  close(): Promise<void>;
}

export interface GatewayCacheOptions {
  readonly config: Pick<GatewayConfig, 'cache' | 'models' | 'redis'>;
  readonly clock: Clock;
  readonly catalog: CacheOptions['catalog'];
  /** Given what a store in this process holds. */
  readonly metrics: (size: () => CacheSize | undefined) => CacheEvents;
}

/** How long the end waits for the store's last answers. */
const patienceMs = 1_000;

/** The store, and what ends its connection. */
async function openStore(
  { cache, redis }: GatewayCacheOptions['config'],
  clock: Clock,
  events: CacheEvents,
): Promise<{ readonly store: ResponseStore; readonly close: () => Promise<void> }> {
  if (cache.store === 'memory' || !namesRedis(redis)) {
    const store = new MemoryResponseStore({ maxBytes: cache.max_bytes, clock, events });
    return { store, close: () => store.close() };
  }
  const { connectRedis } = await import('./stores/redis/connection.ts');
  const prefix = cachePrefix(redis.prefix);
  // What fails by it is counted with each answer that did not come.
  const connection = connectRedis({ ...redis, key: prefix, failed: () => {}, ready: () => {} });
  const store = new RedisResponseStore({
    redis: connection,
    prefix,
    timeoutMs: cache.store_timeout,
    leaseMs: cache.lease,
    clock,
    events,
  });
  return {
    store,
    async close() {
      await store.close();
      const patience = new Promise<void>((resolve) => void setTimeout(resolve, patienceMs).unref());
      if (connection.status === 'ready') await Promise.race([connection.quit().catch(() => {}), patience]);
      connection.disconnect();
    },
  };
}

export async function createResponseCache(options: GatewayCacheOptions): Promise<GatewayCache> {
  const { config, clock, catalog, metrics } = options;
  const { cache, models } = config;
  const routes = new Map(models.map(({ name, cache: own }) => [name, policyOf(cache, own)]));
  const direct = policyOf(cache, undefined);
  if (direct === undefined && [...routes.values()].every((policy) => policy === undefined))
    return { interceptors: [], close: async () => {} };
  let memory: MemoryResponseStore | undefined;
  const events = metrics(() => memory);
  const { store, close } = await openStore(config, clock, events);
  if (store instanceof MemoryResponseStore) memory = store;
  const replay = { chunk: cache.replay.chunk, paceMs: cache.replay.pace };
  const maxEntryBytes = cache.max_entry_bytes;
  return {
    interceptors: [createCache({ catalog, store, routes, direct, replay, maxEntryBytes, clock, events })],
    close,
  };
}
