import { create } from '@bufbuild/protobuf';
import { type HealthComponent, HealthComponentSchema, HealthStatus } from '../gen/es/llmbridge/v1/health_service_pb.ts';
import type { GatewayConfig } from './config/gateway-config.ts';
import { ConfigError } from './config/problem.ts';
import { secretOf } from './crypto/key-ring.ts';
import type { Call } from './kernel/call.ts';
import type { Clock } from './kernel/clock.ts';
import { Fault } from './kernel/fault.ts';
import type { Gate } from './kernel/gate.ts';
import type { CallObserver } from './kernel/observer.ts';
import type { ComponentProbe } from './services/health.ts';
import type { AuditEvents } from './telemetry/audit/events.ts';
import { AuditFileError } from './telemetry/audit/file.ts';
import { AuditLog } from './telemetry/audit/log.ts';
import { createAuditLines } from './telemetry/audit/log-lines.ts';
import { createAuditMetrics } from './telemetry/audit/metrics.ts';
import type { Logger } from './telemetry/logger.ts';
import type { Metrics } from './telemetry/metrics.ts';
import { isProbe } from './telemetry/probe.ts';

/** The audit log, as the configuration has it. */
export interface Audit {
  /** The observer, with a record of each call behind it. */
  observer(observer: CallObserver): CallObserver;
  /** How the file fares. */
  readonly components: readonly ComponentProbe[];
  /** The gate, which refuses calls while there could be no record of them. */
  gate(gate: Gate): Gate;
  close(): Promise<void>;
}

/** Nothing is recorded: all is as it is without. */
const none: Audit = { components: [], observer: (observer) => observer, gate: (gate) => gate, close: async () => {} };

/** Opens the audit log. Rejects with ConfigError where its file can't be used. `worker`: the number of this process. */
export async function createAudit(
  { file, key, on_failure, max_file_size, max_waiting, anchor_interval, probes }: GatewayConfig['monitoring']['audit'],
  worker: number,
  clock: Clock,
  logger: Logger,
  { registry }: Metrics,
): Promise<Audit> {
  if (file === undefined || key === undefined) return none;
  const counts = createAuditMetrics(registry);
  const lines = createAuditLines(logger);
  const events: AuditEvents = {
    ...counts,
    ...lines,
    failing(thrown) {
      counts.failing(thrown);
      lines.failing(thrown);
    },
    interfered(what) {
      counts.interfered(what);
      lines.interfered(what);
    },
    anchored(anchor) {
      counts.anchored(anchor);
      lines.anchored(anchor);
    },
  };
  const path = file.replaceAll('{worker}', String(worker));
  const log = await AuditLog.open({
    path,
    key: secretOf(key),
    worker,
    maxFileBytes: max_file_size,
    maxWaiting: max_waiting,
    anchorMs: anchor_interval,
    clock,
    events,
  }).catch((thrown: unknown) => {
    throw unusable(path, thrown);
  });
  return {
    components: [() => [component(log.ready, on_failure)]],
    observer: (observer) => ({
      begin: (call) => observer.begin(call),
      end(call, fault) {
        observer.end(call, fault);
        if (probes || fault !== undefined || !isProbe(call.method)) log.record(call, fault);
      },
    }),
    gate: (gate) => (on_failure === 'open' ? gate : closedGate(gate, log)),
    close: () => log.close(),
  };
}

/** Who may not call is told so all the same; who may is told to come again. */
function closedGate(gate: Gate, log: Pick<AuditLog, 'ready'>): Gate {
  const check = (call: Call): void => {
    if (log.ready || isProbe(call.method)) return;
    throw new Fault('AUDIT_UNAVAILABLE', 'calls are not taken while no audit record can be written', {
      retryAfterMs: 1_000,
    });
  };
  return {
    authenticate(call) {
      const waiting = gate.authenticate(call);
      return waiting === undefined ? check(call) : waiting.then(() => check(call));
    },
  };
}

function component(ready: boolean, onFailure: 'closed' | 'open'): HealthComponent {
  return create(HealthComponentSchema, {
    name: 'audit',
    status: ready ? HealthStatus.SERVING : HealthStatus.DEGRADED,
    message: ready ? '' : `no record can be written; calls are ${onFailure === 'closed' ? 'refused' : 'served'}`,
  });
}

function unusable(path: string, thrown: unknown): unknown {
  const code = (thrown as NodeJS.ErrnoException).code;
  if (!(thrown instanceof AuditFileError) && code === undefined) return thrown;
  const message = thrown instanceof AuditFileError ? thrown.message : `${path} cannot be written: ${code}`;
  return new ConfigError([{ where: path, path: ['monitoring', 'audit', 'file'], message }]);
}
