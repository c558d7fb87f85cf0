import { Counter, Gauge, type Registry } from 'prom-client';

/** What became of new configurations, and how long the certificate is good for. */
export interface ReloadMetrics {
  reloaded(result: 'applied' | 'refused'): void;
  /** The last moment of the server's certificate, in Unix seconds. */
  certificateExpires(unixSeconds: number): void;
}

export function createReloadMetrics(registry: Registry, wall: () => number): ReloadMetrics {
  const registers = [registry];
  const reloads = new Counter({
    name: 'llmbridge_config_reloads_total',
    help: 'Times that the configuration and its files were read again, by what came of it: applied or refused.',
    labelNames: ['result'],
    registers,
  });
  for (const result of ['applied', 'refused']) reloads.inc({ result }, 0);
  const last = new Gauge({
    name: 'llmbridge_config_last_reload_success_timestamp_seconds',
    help: 'When the configuration that is in use was read.',
    registers,
    aggregator: 'min',
  });
  last.set(wall() / 1000);
  let expiry: Gauge | undefined;
  return {
    reloaded(result) {
      reloads.inc({ result });
      if (result === 'applied') last.set(wall() / 1000);
    },
    certificateExpires(unixSeconds) {
      expiry ??= new Gauge({
        name: 'llmbridge_tls_certificate_expiry_timestamp_seconds',
        help: "When the server's certificate ends.",
        registers,
        aggregator: 'min',
      });
      expiry.set(unixSeconds);
    },
  };
}
