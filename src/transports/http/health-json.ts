import {
  type CheckHealthResponse,
  type HealthComponent,
  HealthStatus,
} from '../../../gen/es/llmbridge/v1/health_service_pb.ts';
import { listMember, object, stringMember } from './openai/json-writer.ts';

const words: Readonly<Record<number, string>> = {
  [HealthStatus.SERVING]: 'serving',
  [HealthStatus.NOT_SERVING]: 'not_serving',
  [HealthStatus.DEGRADED]: 'degraded',
  [HealthStatus.DISABLED]: 'disabled',
};

/** `{"status": "serving", "version", "uptime_seconds", "components": [{"name", "status", "message"}]}` */
export const healthJson = (health: CheckHealthResponse): string =>
  object(
    `"status":"${words[health.status] ?? 'unknown'}",` +
      stringMember('version', health.version) +
      `"uptime_seconds":${health.uptimeSeconds},` +
      listMember('components', health.components.map(componentJson)),
  );

const componentJson = ({ name, status, message }: HealthComponent): string =>
  object(
    stringMember('name', name) + stringMember('status', words[status] ?? 'unknown') + stringMember('message', message),
  );

/** Orchestrators look at the status code alone. */
export const healthStatus = ({ status }: CheckHealthResponse): number =>
  status === HealthStatus.SERVING || status === HealthStatus.DEGRADED ? 200 : 503;
