import type { DestinationStream } from 'pino';
import { ChatService } from '../gen/es/llmbridge/v1/chat_service_pb.ts';
import { HealthService } from '../gen/es/llmbridge/v1/health_service_pb.ts';
import { ModelService } from '../gen/es/llmbridge/v1/model_service_pb.ts';
import { createAudit } from './audit.ts';
import { Balancer } from './balancer/balancer.ts';
import { countedAndWatched } from './balancer-events.ts';
import { balancerSettings } from './balancer-settings.ts';
import { swappableCertificate } from './certificate.ts';
import { createAskedModel } from './chat/asked-model.ts';
import { createChat } from './chat/chat.ts';
import type { GatewayConfig } from './config/gateway-config.ts';
import { createGates } from './gates.ts';
import { intercept } from './interceptors/pipeline.ts';
import { type Clock, systemClock } from './kernel/clock.ts';
import type { Rpc } from './kernel/method.ts';
import { Readiness } from './kernel/readiness.ts';
import { createLimits } from './limits.ts';
import { configuredLists } from './model-discovery.ts';
import { createProviders } from './provider-set.ts';
import { providerTypes } from './providers/index.ts';
import { type ConfigSource, createReloader } from './reload.ts';
import { createRequestSigning } from './request-signing.ts';
import { createResponseCache } from './response-cache.ts';
import { createRoutes } from './routes.ts';
import { createSealing } from './sealing.ts';
import { serverOptions } from './server-options.ts';
import { createCallCosts } from './services/call-costs.ts';
import { createHealthRpc, providerProbe } from './services/health.ts';
import { loadPrices, loadRates } from './services/model-prices.ts';
import { createModelRpcs } from './services/models.ts';
import { startProbes } from './services/probes.ts';
import { healthName, routeProbe, watchRoutes } from './services/route-health.ts';
import { createBalancerMetrics } from './telemetry/balancer-metrics.ts';
import { createCacheMetrics } from './telemetry/cache-metrics.ts';
import { createCallMetrics } from './telemetry/call-metrics.ts';
import { createGateMetrics } from './telemetry/gate-metrics.ts';
import { createGatewayEvents, type GatewayEvents } from './telemetry/gateway-events.ts';
import { createLabels } from './telemetry/labels.ts';
import { createLimitMetrics } from './telemetry/limit-metrics.ts';
import { createLogger } from './telemetry/logger.ts';
import { createMetrics } from './telemetry/metrics.ts';
import { createObserver } from './telemetry/observer.ts';
import { createReloadMetrics } from './telemetry/reload-metrics.ts';
import { pathOf } from './transports/paths.ts';
import { createServer } from './transports/server.ts';
import { version } from './version.ts';
import { workerCount } from './workers/count.ts';
import type { PrimaryLink } from './workers/worker.ts';

/** What tests put in place of the real thing. */
export interface GatewayOverrides {
  readonly clock?: Clock;
  /** Where log lines go; stdout where none is given. */
  readonly logDestination?: DestinationStream;
  /** Methods served beside the gateway's own. */
  readonly extraRpcs?: readonly Rpc[];
}

/** How a gateway is started. */
export interface GatewayOptions extends GatewayOverrides {
  /** The primary process, where this one is one of several workers. */
  readonly primary?: PrimaryLink;
  /** Where the configuration came from; it is read again when it changes. */
  readonly source?: ConfigSource;
}

/** A running gateway. */
export interface Gateway {
  readonly host: string;
  readonly port: number;
  readonly events: GatewayEvents;
  /** Reads the configuration again, now; `trigger` says why. Does nothing without a source. */
  reload(trigger: string): void;
  /** Takes no new calls, lets those in flight finish within `server.drain_timeout`, and stops. */
  drain(reason: string): Promise<void>;
}

const services = [ChatService, ModelService, HealthService].map(({ typeName }) => typeName);

/** Puts the gateway together and starts it. Rejects when the port can't be had. */
export async function createGateway(config: GatewayConfig, overrides: GatewayOptions = {}): Promise<Gateway> {
  const clock = overrides.clock ?? systemClock;
  const { primary } = overrides;
  const { monitoring, security, server } = config;
  const logger = createLogger({
    level: monitoring.log.level,
    ...(overrides.logDestination && { destination: overrides.logDestination }),
    ...(primary && { worker: primary.place }),
  });
  const events = createGatewayEvents(logger);

  const providerSet = createProviders(Object.values(config.providers), providerTypes, config.balancer.timeouts, clock);
  const { providers } = providerSet;
  const routes = createRoutes(config.models, providers);
  const catalog = { providers, routes };

  const balancer = new Balancer({ clock, settings: balancerSettings(config) });
  for (const route of routes.values()) balancer.ofRoute(route);
  const costs = createCallCosts({ routes: routes.values(), clock, lists: loadRates, onFailure: events.pricesUnknown });
  const modelLists = configuredLists(config, providerTypes, providers.values(), clock, events);

  const readiness = new Readiness([...services, ...[...routes.keys()].map(healthName)]);
  const processes = (primary ? workerCount(server.workers) : 1) * config.rate_limit.instances;
  const sealing = createSealing(security.sealing, processes, clock, events);
  const signing = createRequestSigning(security.request_signing);
  const metrics = createMetrics({ version, runtime: true });
  const audit = await createAudit(monitoring.audit, primary?.place ?? 0, clock, logger, metrics);
  const askedModel = createAskedModel({ catalog: () => catalog, costOf: costs.costOf, unpriced: events.priceUnknown });
  const limitMetrics = createLimitMetrics(metrics.registry);
  const limits = await createLimits({
    config,
    clock,
    askedModel,
    metrics: limitMetrics,
    told: events,
    ready: (ready) => readiness.withhold(!ready),
    ...(primary && { workers: { count: workerCount(server.workers), limiter: primary.limiter } }),
  });
  const cache = await createResponseCache({
    config,
    clock,
    catalog: () => catalog,
    metrics: (size) => createCacheMetrics(metrics.registry, size),
  });
  const rpcs = [
    ...intercept(createChat({ catalog: () => catalog, balancer, costOf: costs.costOf }), [
      sealing.unseal,
      ...signing.interceptors,
      ...limits.interceptors,
      ...cache.interceptors,
    ]),
    ...createModelRpcs({ ...catalog, asked: modelLists.wake, prices: loadPrices }),
    createHealthRpc({
      readiness,
      version,
      clock,
      components: [
        providerProbe(providers.values(), (provider) => balancer.pulseOf(provider).up),
        routeProbe(balancer, routes.values()),
        ...limits.components,
        ...audit.components,
      ],
    }),
    ...(overrides.extraRpcs ?? []),
  ];

  const labels = createLabels({
    methods: rpcs.map(({ desc }) => pathOf(desc)),
    providers: providers.values(),
    routes: routes.values(),
  });
  const counted = createBalancerMetrics(metrics.registry, labels, () => balancer.states());
  const watched = watchRoutes(balancer, routes.values(), readiness, clock);
  balancer.events = countedAndWatched(counted, watched);
  const gates = createGates(config, clock, { ...events, ...createGateMetrics(metrics.registry) });
  const page = { contentType: metrics.contentType, text: primary?.metrics ?? metrics.text, gate: gates.metrics };
  await limits.begun();
  const listening = await createServer(
    {
      rpcs,
      gate: audit.gate(gates.calls),
      observer: audit.observer(createObserver({ logger, metrics: createCallMetrics(metrics, labels), clock })),
      clock,
      readiness,
      seals: sealing.seals,
      ...(monitoring.metrics.enabled && { metrics: page }),
    },
    serverOptions(config),
  ).catch(async (thrown: unknown) => {
    await audit.close();
    throw thrown;
  });
  const reloadMetrics = createReloadMetrics(metrics.registry, clock.wall);
  const certificate = swappableCertificate(server.tls, listening.secure, reloadMetrics.certificateExpires);
  const reloader =
    overrides.source &&
    createReloader({
      source: overrides.source,
      config,
      parts: [sealing, signing, gates, providerSet, certificate],
      intervalMs: server.reload_interval,
      clock,
      events,
      metrics: reloadMetrics,
    });
  readiness.set(true);
  const probes = startProbes(providers.values(), balancer);
  void costs.warm(providers.values());
  primary?.shareMetrics(metrics.snapshot);
  // What is the same for all workers is told once.
  if (primary === undefined || primary.place === 0) events.providers(providers.values());
  (primary ?? events).started({
    address: server.host,
    port: listening.port,
    tls: server.tls.cert !== undefined,
    version,
    startupMs: performance.now(),
  });

  return {
    host: server.host,
    port: listening.port,
    events,
    reload: (trigger) => void reloader?.reload(trigger),
    async drain(reason) {
      const startedAt = clock.now();
      events.draining(reason, listening.inFlight);
      reloader?.close();
      modelLists.close();
      probes.close();
      const cut = await listening.drain();
      await limits.close();
      await cache.close();
      await audit.close();
      await providerSet.close();
      events.drained(clock.now() - startedAt, cut);
    },
  };
}
