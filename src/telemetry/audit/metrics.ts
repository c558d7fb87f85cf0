import { Counter, Gauge, type Registry } from 'prom-client';
import type { AuditEvents } from './events.ts';

/** What an audit log tells that is counted. */
export type AuditCounts = Pick<AuditEvents, 'written' | 'waiting' | 'lost' | 'failing' | 'interfered' | 'anchored'>;

/** Counts what an audit log tells, in a registry. */
export function createAuditMetrics(registry: Registry): AuditCounts {
  const registers = [registry];
  const written = new Counter({
    name: 'llmbridge_audit_records_total',
    help: 'Records that were written to the audit log.',
    registers,
  });
  const lost = new Counter({
    name: 'llmbridge_audit_records_lost_total',
    help: 'Records of the audit log that were dropped, as too many waited to be written.',
    registers,
  });
  const interfered = new Counter({
    name: 'llmbridge_audit_file_changes_total',
    help: 'Times that the file of the audit log was changed or replaced by somebody else.',
    registers,
  });
  const waiting = new Gauge({
    name: 'llmbridge_audit_records_waiting',
    help: 'Records that wait to be written to the audit log.',
    registers,
  });
  const up = new Gauge({
    name: 'llmbridge_audit_up',
    help: 'Whether the audit log can be written: 0 while it fails.',
    registers,
    // One process that fails is told of, however many do not.
    aggregator: 'min',
  });
  const sequence = new Gauge({
    name: 'llmbridge_audit_sequence',
    help: "Number of the last record in the audit log's chain, as told last.",
    registers,
  });
  up.set(1);
  return {
    written: (records) => written.inc(records),
    waiting: (records) => waiting.set(records),
    lost: (records) => lost.inc(records),
    failing: (thrown) => up.set(thrown === undefined ? 1 : 0),
    interfered: () => interfered.inc(),
    anchored: ({ seq }) => sequence.set(seq),
  };
}
