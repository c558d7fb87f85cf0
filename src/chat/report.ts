import { create } from '@bufbuild/protobuf';
import {
  type Attempt,
  AttemptOutcome,
  AttemptSchema,
  type GatewayReport,
  GatewayReportSchema,
} from '../../gen/es/llmbridge/v1/report_pb.ts';
import type { Call } from '../kernel/call.ts';
import type { Fault } from '../kernel/fault.ts';
import type { Target } from '../kernel/provider.ts';

/** Begins a call's report; attempts and what they gave are added as they end. */
export function openReport(call: Call): GatewayReport {
  const report = create(GatewayReportSchema, { requestId: call.id });
  call.report = report;
  return report;
}

/** Records how one attempt ended. */
export function recordAttempt(
  report: GatewayReport,
  target: Target,
  status: number,
  durationMs: number,
  fault: Fault | undefined,
): Attempt {
  const attempt = create(AttemptSchema, {
    provider: target.provider.name,
    model: target.model,
    outcome: outcomeOf(fault),
    status,
    reason: fault?.reason ?? '',
    durationMs: Math.round(durationMs),
  });
  report.attempts.push(attempt);
  report.provider = target.provider.name;
  report.model = target.model;
  report.simulated = target.provider.type.simulated;
  return attempt;
}

function outcomeOf(fault: Fault | undefined): AttemptOutcome {
  switch (fault?.reason) {
    case undefined:
      return AttemptOutcome.OK;
    case 'CANCELLED':
    case 'SHUTTING_DOWN':
      return AttemptOutcome.CANCELLED;
    case 'DEADLINE_EXCEEDED':
    case 'PROVIDER_TIMEOUT':
      return AttemptOutcome.TIMED_OUT;
    case 'PROVIDER_STREAM_CUT':
      return AttemptOutcome.CUT;
    default:
      return AttemptOutcome.FAILED;
  }
}
