import type { AttemptTimeouts, BalancerSettings, ProviderOverrides, RouteOverrides } from './balancer/settings.ts';
import type { GatewayConfig } from './config/gateway-config.ts';

type Balancer = GatewayConfig['balancer'];
type Route = GatewayConfig['models'][number];
type ProviderInstance = GatewayConfig['providers'][string];

/** Whole answers take longer than their first token. */
const wholeFactor = 3;

/** Leaves out what is not set, so that it does not hide what is. */
const given = <T extends object>(values: { readonly [K in keyof T]: T[K] | undefined }): Partial<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;

const timeouts = (set: Route['timeouts']): Partial<AttemptTimeouts> =>
  given<AttemptTimeouts>({
    firstTokenMs: set?.first_token,
    wholeMs: set?.whole ?? (set?.first_token === undefined ? undefined : set.first_token * wholeFactor),
    idleMs: set?.idle,
    totalMs: set?.total,
  });

const retry = (set: Route['retry']) =>
  given({
    max: set?.max,
    backoffMs: set?.backoff,
    maxBackoffMs: set?.max_backoff,
    maxWaitMs: set?.max_wait,
  });

const admission = (set: Route['admission']) =>
  given({ maxConcurrent: set?.max_concurrent, maxQueue: set?.max_queue, maxQueueMs: set?.max_queue_time });

const breaker = (set: ProviderInstance['breaker']) =>
  given({
    consecutive: set?.consecutive,
    rate: set?.error_rate,
    minimum: set?.min_requests,
    windowMs: set?.window,
    ejectMs: set?.open,
    maxEjectMs: set?.max_open,
  });

const ofRoute = (route: Route): RouteOverrides => ({
  timeouts: timeouts(route.timeouts),
  retry: retry(route.retry),
  hedge: given({ enabled: route.hedge?.enabled, delayMs: route.hedge?.delay, ratio: route.hedge?.budget_ratio }),
  admission: admission(route.admission),
  ...(route.recovery?.mode !== undefined && { recovery: route.recovery.mode }),
  ...(route.context_fallback !== undefined && { contextFallback: route.context_fallback }),
});

const ofProvider = (provider: ProviderInstance): ProviderOverrides => ({
  timeouts: timeouts(provider.timeouts),
  breaker: breaker(provider.breaker),
  admission: admission(provider.admission),
});

/** The balancer's settings as the configuration has them. */
export function balancerSettings({ balancer, models, providers }: GatewayConfig): BalancerSettings {
  const { timeouts: limits, retry: retries, breaker: trips, hedge, recovery, context_fallback }: Balancer = balancer;
  return {
    timeouts: {
      firstTokenMs: limits.first_token,
      wholeMs: limits.whole ?? limits.first_token * wholeFactor,
      idleMs: limits.idle,
      totalMs: limits.total,
    },
    retry: {
      max: retries.max,
      backoffMs: retries.backoff,
      maxBackoffMs: retries.max_backoff,
      maxWaitMs: retries.max_wait,
    },
    budget: { ratio: retries.budget_ratio, minimum: retries.budget_min, windowMs: 10_000 },
    breaker: {
      consecutive: trips.consecutive,
      rate: trips.error_rate,
      minimum: trips.min_requests,
      windowMs: trips.window,
      ejectMs: trips.open,
      maxEjectMs: trips.max_open,
    },
    hedge: { enabled: hedge.enabled, delayMs: hedge.delay, ratio: hedge.budget_ratio },
    recovery: recovery.mode,
    contextFallback: context_fallback,
    admission: {
      maxConcurrent: balancer.admission.max_concurrent ?? Number.POSITIVE_INFINITY,
      maxQueue: balancer.admission.max_queue,
      maxQueueMs: balancer.admission.max_queue_time,
    },
    routes: new Map(models.map((route) => [route.name, ofRoute(route)])),
    providers: new Map(Object.entries(providers).map(([name, provider]) => [name, ofProvider(provider)])),
  };
}
