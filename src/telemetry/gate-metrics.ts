import { Counter, type Registry } from 'prom-client';
import type { GateEvents } from '../kernel/gate-events.ts';

/** Counts what the gate tells, in a registry. */
export function createGateMetrics(registry: Registry): GateEvents {
  const counter = (name: string, help: string) => new Counter({ name, help, registers: [registry] });
  const failed = counter('llmbridge_credentials_failed_total', 'Credentials of callers that were found wrong.');
  const slowed = counter(
    'llmbridge_credentials_slowed_total',
    'Credentials that were judged after a wait, as many wrong ones had come from their address.',
  );
  const refused = counter(
    'llmbridge_credentials_refused_total',
    'Credentials that were refused unjudged, as too many of their address waited.',
  );
  return {
    credentialFailed: () => failed.inc(),
    credentialSlowed: () => slowed.inc(),
    credentialRefused: () => refused.inc(),
  };
}
