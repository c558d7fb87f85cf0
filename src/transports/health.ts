import { create } from '@bufbuild/protobuf';
import {
  Health,
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus,
  HealthCheckResponseSchema,
  type HealthListRequest,
  type HealthListResponse,
  HealthListResponseSchema,
} from '../../gen/es/health/v1/health_pb.ts';
import { Fault } from '../kernel/fault.ts';
import { type Rpc, rpc } from '../kernel/method.ts';
import type { Readiness } from '../kernel/readiness.ts';

/** grpc.health.v1 over the readiness of each service; the empty name is the whole server. */
export function createHealth(readiness: Readiness): readonly Rpc[] {
  const status = (service: string): HealthCheckResponse_ServingStatus => {
    const serving = readiness.isServing(service);
    if (serving === undefined) return HealthCheckResponse_ServingStatus.SERVICE_UNKNOWN;
    return serving ? HealthCheckResponse_ServingStatus.SERVING : HealthCheckResponse_ServingStatus.NOT_SERVING;
  };

  return [
    rpc<HealthCheckRequest, HealthCheckResponse>(Health.method.check, async (_call, { service }, reply) => {
      if (readiness.isServing(service) === undefined) throw new Fault('NOT_FOUND', 'unknown service');
      reply.message(create(HealthCheckResponseSchema, { status: status(service) }));
    }),

    rpc<HealthListRequest, HealthListResponse>(Health.method.list, async (_call, _request, reply) => {
      const statuses: Record<string, HealthCheckResponse> = {};
      for (const service of readiness.services) {
        statuses[service] = create(HealthCheckResponseSchema, { status: status(service) });
      }
      reply.message(create(HealthListResponseSchema, { statuses }));
    }),

    // Never ends by itself. A slow watcher misses what came between, never the last state.
    rpc<HealthCheckRequest, HealthCheckResponse>(Health.method.watch, (call, { service }, reply) => {
      let told: HealthCheckResponse_ServingStatus | undefined;
      let blocked = false;
      const tell = (): void => {
        const now = status(service);
        if (blocked || now === told) return;
        told = now;
        if (reply.message(create(HealthCheckResponseSchema, { status: now }))) return;
        blocked = true;
        reply.onDrain(() => {
          blocked = false;
          tell();
        });
      };
      tell();
      const unsubscribe = readiness.onChange(tell);
      return new Promise((_resolve, reject) => {
        call.cancellation.onCancel((fault) => {
          unsubscribe();
          reject(fault);
        });
      });
    }),
  ];
}
