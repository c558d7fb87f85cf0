import type { GatewayConfig } from './config/gateway-config.ts';
import { credentialSources } from './credential-sources.ts';
import { createGate } from './interceptors/authenticate.ts';
import { FailedAttempts } from './interceptors/failed-attempts.ts';
import type { Clock } from './kernel/clock.ts';
import type { Gate } from './kernel/gate.ts';
import type { GateEvents } from './kernel/gate-events.ts';
import type { GatewayEvents } from './telemetry/gateway-events.ts';

export interface Gates {
  readonly calls: Gate;
  /** Undefined where anyone may read the metrics. */
  readonly metrics: Gate | undefined;
}

/** Who may call, and who may read the metrics, as the configuration has it. */
export function createGates(
  { security, server, monitoring }: GatewayConfig,
  clock: Clock,
  events: GateEvents & Pick<GatewayEvents, 'issuerUnavailable'>,
): Gates {
  const sources = credentialSources(security, clock, events);
  const { free, interval, max_wait } = security.failed_attempts;
  const options = {
    host: server.host,
    allowedHosts: security.allowed_hosts,
    corsOrigins: server.cors.origins,
    sources,
    attempts: new FailedAttempts({ free, intervalMs: interval, maxWaitMs: max_wait, clock, events }),
  };
  return {
    calls: createGate({ ...options, anonymous: security.anonymous }),
    // Where there are credentials, one is needed: that is what the setting is for.
    metrics: monitoring.metrics.public
      ? undefined
      : createGate({ ...options, anonymous: sources.length > 0 ? false : security.anonymous }),
  };
}
