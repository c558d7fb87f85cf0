import { z } from 'zod';
import { audit } from './audit.ts';

const log = z.strictObject({
  level: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('Least level that is written; each call is one line at info.'),
});

const metrics = z.strictObject({
  enabled: z.boolean().default(true).describe('Whether `GET /metrics` answers.'),
  public: z
    .boolean()
    .default(true)
    .describe('Whether it answers without a credential; false: where any are configured, one of them is needed.'),
});

const tracing = z.strictObject({
  otlp_endpoint: z
    .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
    .optional()
    .describe('OTLP/HTTP collector that spans are sent to; none where not set.'),
});

/** What the gateway tells of itself. */
export const monitoring = z.strictObject({
  log: log.prefault({}).describe('JSON lines on standard output.'),
  audit: audit.prefault({}).describe('Who called, and what became of it, in a chain that can be verified.'),
  metrics: metrics.prefault({}).describe('Prometheus metrics.'),
  tracing: tracing.prefault({}).describe('OpenTelemetry traces.'),
});
