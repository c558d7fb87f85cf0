import { createHash } from 'node:crypto';
import { MODEL } from './payload.ts';

/** What callers of the measured gateways present. */
export const authorization = 'Bearer bench';

/** Which of the gateway's parts are on, beyond balancer, metrics and log line, which always are. */
export interface GatewayParts {
  readonly lanes: boolean;
  /** Limits of every tier and measure, none of which is reached. */
  readonly limits: 'none' | 'memory' | 'redis';
  /** redis:// URL. */
  readonly redis?: string;
  /** 256 bits in base64, for callers that seal. */
  readonly sealingSecret?: string;
  /** Which of the two clients asks the provider; the default where undefined. */
  readonly httpClient?: string;
}

const enough = '{ requests: 100000000/m, tokens: 100000000000/m, concurrent: 100000 }';

/** The configuration of a gateway with an API key, on a port, before an upstream. */
export function gatewayConfig(port: number, upstream: number, parts: GatewayParts): string {
  const client = parts.httpClient === undefined ? '' : `http_client: ${parts.httpClient},`;
  const secret = parts.sealingSecret;
  return `server: { host: 127.0.0.1, port: ${port}, lanes: ${parts.lanes} }
providers:
  openai: { type: openai, ${client} base_url: "http://127.0.0.1:${upstream}/v1", api_keys: [bench], models: [${MODEL}] }
models:
  - { name: ${MODEL}, targets: [{ provider: openai, model: ${MODEL} }] }
security:
  api_keys: [{ name: bench, user: bench, sha256: ${createHash('sha256').update('bench').digest('hex')} }]
${secret === undefined ? '' : `  sealing: { keys: [{ id: bench, secret: "${secret}" }] }`}
${parts.limits === 'none' ? '' : `rate_limit: { global: ${enough}, user: ${enough}, ip: ${enough} }`}
${parts.redis === undefined ? '' : `redis: { url: "${parts.redis}" }`}
`;
}
