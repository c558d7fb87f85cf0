import type { DestinationStream } from 'pino';
import { ChatService } from '../gen/es/llmbridge/v1/chat_service_pb.ts';
import { HealthService } from '../gen/es/llmbridge/v1/health_service_pb.ts';
import { ModelService } from '../gen/es/llmbridge/v1/model_service_pb.ts';
import { Balancer } from './balancer/balancer.ts';
import { countedAndWatched } from './balancer-events.ts';
import { balancerSettings } from './balancer-settings.ts';
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
import { createCallMetrics } from './telemetry/call-metrics.ts';
import { createGateMetrics } from './telemetry/gate-metrics.ts';
import { createGatewayEvents, type GatewayEvents } from './telemetry/gateway-events.ts';
import { createLabels } from './telemetry/labels.ts';
import { createLimitMetrics } from './telemetry/limit-metrics.ts';
import { createLogger } from './telemetry/logger.ts';
import { createMetrics } from './telemetry/metrics.ts';
import { createObserver } from './telemetry/observer.ts';
import { pathOf } from './transports/paths.ts';
import { createServer } from './transports/server.ts';
import { version } from './version.ts';

/** What tests put in place of the real thing. */
export interface GatewayOverrides {
  readonly clock?: Clock;
  /** Where log lines go; stdout where none is given. */
  readonly logDestination?: DestinationStream;
  /** Methods served beside the gateway's own. */
  readonly extraRpcs?: readonly Rpc[];
}

/** A running gateway. */
export interface Gateway {
  readonly host: string;
  readonly port: number;
  readonly events: GatewayEvents;
  /** Takes no new calls, lets those in flight finish within `server.drain_timeout`, and stops. */
  drain(reason: string): Promise<void>;
}

const services = [ChatService, ModelService, HealthService].map(({ typeName }) => typeName);

/** Puts the gateway together and starts it. Rejects when the port can't be had. */
export async function createGateway(config: GatewayConfig, overrides: GatewayOverrides = {}): Promise<Gateway> {
  const clock = overrides.clock ?? systemClock;
  const { monitoring, security, server } = config;
  const logger = createLogger({
    level: monitoring.log.level,
    ...(overrides.logDestination && { destination: overrides.logDestination }),
  });
  const events = createGatewayEvents(logger);

  const { providers, close } = createProviders(
    Object.values(config.providers),
    providerTypes,
    config.balancer.timeouts,
    clock,
  );
  const routes = createRoutes(config.models, providers);
  const catalog = { providers, routes };

  const balancer = new Balancer({ clock, settings: balancerSettings(config) });
  for (const route of routes.values()) balancer.ofRoute(route);
  const costs = createCallCosts({ routes: routes.values(), clock, lists: loadRates, onFailure: events.pricesUnknown });
  const modelLists = configuredLists(config, providerTypes, providers.values(), clock, events);

  const readiness = new Readiness([...services, ...[...routes.keys()].map(healthName)]);
  const sealing = createSealing(security.sealing, clock, events);
  const metrics = createMetrics({ version, runtime: true });
  const limits = createLimits(config, clock, createLimitMetrics(metrics.registry), events);
  const rpcs = [
    ...intercept(createChat({ catalog: () => catalog, balancer, costOf: costs.costOf }), [
      sealing.unseal,
      ...limits.interceptors,
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
  const page = { contentType: metrics.contentType, text: metrics.text, gate: gates.metrics };
  await Promise.all([sealing.begun(), limits.begun()]);
  const listening = await createServer(
    {
      rpcs,
      gate: gates.calls,
      observer: createObserver({ logger, metrics: createCallMetrics(metrics, labels), clock }),
      clock,
      readiness,
      seals: sealing.seals,
      ...(monitoring.metrics.enabled && { metrics: page }),
    },
    serverOptions(config),
  );
  readiness.set(true);
  const probes = startProbes(providers.values(), balancer);
  void costs.warm(providers.values());
  events.providers(providers.values());
  events.started({
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
    async drain(reason) {
      const startedAt = clock.now();
      events.draining(reason, listening.inFlight);
      modelLists.close();
      probes.close();
      const cut = await listening.drain();
      await limits.close();
      await close();
      events.drained(clock.now() - startedAt, cut);
    },
  };
}
