import { isDeepStrictEqual } from 'node:util';
import type { GatewayConfig } from './config/gateway-config.ts';
import { createCredentialSources } from './credential-sources.ts';
import { createGate, type GateOptions } from './interceptors/authenticate.ts';
import { FailedAttempts } from './interceptors/failed-attempts.ts';
import type { Clock } from './kernel/clock.ts';
import type { Gate } from './kernel/gate.ts';
import type { GateEvents } from './kernel/gate-events.ts';
import type { Swappable } from './swap.ts';
import type { GatewayEvents } from './telemetry/gateway-events.ts';

export interface Gates extends Swappable {
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
  const sourcesOf = createCredentialSources(clock, events);
  const { free, interval, max_wait } = security.failed_attempts;
  const attempts = new FailedAttempts({ free, intervalMs: interval, maxWaitMs: max_wait, clock, events });
  const make = (sources: GateOptions['sources']) => {
    const options = {
      host: server.host,
      allowedHosts: security.allowed_hosts,
      corsOrigins: server.cors.origins,
      sources,
      attempts,
    };
    return {
      calls: createGate({ ...options, anonymous: security.anonymous }),
      // Where there are credentials, one is needed: that is what the setting is for.
      metrics: createGate({ ...options, anonymous: sources.length > 0 ? false : security.anonymous }),
    };
  };

  let { api_keys, jwt, groups } = security;
  let sources = sourcesOf(security);
  let gates = make(sources);

  return {
    calls: { authenticate: (call) => gates.calls.authenticate(call) },
    metrics: monitoring.metrics.public ? undefined : { authenticate: (call) => gates.metrics.authenticate(call) },
    paths: ['security.api_keys', 'security.jwt', 'security.groups'],
    prepare({ security: next }) {
      const changed = [
        ...(isDeepStrictEqual(next.api_keys, api_keys) ? [] : ['security.api_keys']),
        ...(isDeepStrictEqual(next.jwt, jwt) ? [] : ['security.jwt']),
        ...(isDeepStrictEqual(next.groups, groups) ? [] : ['security.groups']),
      ];
      const nextSources = sourcesOf({ ...security, api_keys: next.api_keys, jwt: next.jwt, groups: next.groups });
      // A file that is half written may read so; and then anybody could call.
      if (sources.length > 0 && nextSources.length === 0)
        throw new Error('security: the last way to prove who calls would go; that takes a restart');
      return {
        changed,
        pending: [],
        commit() {
          ({ api_keys, jwt, groups } = next);
          sources = nextSources;
          gates = make(sources);
        },
      };
    },
  };
}
