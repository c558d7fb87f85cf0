import { create } from '@bufbuild/protobuf';
import {
  type CheckHealthRequest,
  type CheckHealthResponse,
  CheckHealthResponseSchema,
  type HealthComponent,
  HealthComponentSchema,
  HealthService,
  HealthStatus,
} from '../../gen/es/llmbridge/v1/health_service_pb.ts';
import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { type Rpc, rpc } from '../kernel/method.ts';
import type { Provider } from '../kernel/provider.ts';
import type { Readiness } from '../kernel/readiness.ts';

/** Tells how a part of the gateway fares, each time it is asked. It must not wait for anything. */
export type ComponentProbe = () => readonly HealthComponent[];

export interface HealthServiceOptions {
  readonly readiness: Readiness;
  readonly version: string;
  readonly clock: Clock;
  readonly components: readonly ComponentProbe[];
}

/** Providers as components: serving, silent when they were probed, or disabled and why. */
export function providerProbe(
  providers: Iterable<Provider>,
  isUp: (provider: Provider) => boolean = () => true,
): ComponentProbe {
  const components = [...providers].map((provider) => {
    const { disabled, type } = provider;
    const name = `provider/${provider.name}`;
    const usual = create(HealthComponentSchema, {
      name,
      status: disabled === undefined ? HealthStatus.SERVING : HealthStatus.DISABLED,
      message: disabled ?? (type.simulated ? 'simulated: its answers come from no model' : ''),
    });
    const message = 'it does not answer its probes';
    const down = create(HealthComponentSchema, { name, status: HealthStatus.NOT_SERVING, message });
    return { provider, usual, down };
  });
  return () => components.map(({ provider, usual, down }) => (isUp(provider) ? usual : down));
}

const isAmiss = ({ status }: HealthComponent) =>
  status === HealthStatus.NOT_SERVING || status === HealthStatus.DEGRADED;

/** HealthService. A process that answers at all is live; it is ready while `readiness` says so. */
export function createHealthRpc({ readiness, version, clock, components }: HealthServiceOptions): Rpc {
  const startedAt = clock.now();

  const answer = (status: HealthStatus, parts: HealthComponent[]) =>
    create(CheckHealthResponseSchema, {
      status,
      version,
      uptimeSeconds: Math.floor((clock.now() - startedAt) / 1000),
      components: parts,
    });

  const ready = (): CheckHealthResponse => {
    const parts = components.flatMap((probe) => probe());
    if (readiness.isServing('') !== true) return answer(HealthStatus.NOT_SERVING, parts);
    return answer(parts.some(isAmiss) ? HealthStatus.DEGRADED : HealthStatus.SERVING, parts);
  };

  return rpc<CheckHealthRequest, CheckHealthResponse>(
    HealthService.method.checkHealth,
    async (_call, { probe }, reply) => {
      if (probe === 'live') reply.message(answer(HealthStatus.SERVING, []));
      else if (probe === 'ready' || probe === '') reply.message(ready());
      else {
        throw new Fault('NOT_FOUND', `no probe is named ${JSON.stringify(probe)}: ask "live" or "ready"`, {
          metadata: { probe },
        });
      }
    },
  );
}
