import { create } from '@bufbuild/protobuf';
import {
  type Attempt,
  AttemptOutcome,
  AttemptSchema,
  type GatewayReport,
  GatewayReportSchema,
  type ParameterNote,
} from '../../gen/es/llmbridge/v1/report_pb.ts';
import type { Call } from '../kernel/call.ts';
import type { Fault } from '../kernel/fault.ts';
import type { Target } from '../kernel/provider.ts';

/** Begins a call's report; attempts and what they gave are added as they end. */
export function openReport(call: Call): GatewayReport {
  const report = create(GatewayReportSchema, { requestId: call.id, cache: call.cacheResult });
  call.report = report;
  return report;
}

/** Records how one attempt ended. `notes` tell what became of the request's parameters in it. */
export function recordAttempt(
  report: GatewayReport,
  target: Target,
  notes: readonly ParameterNote[],
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
  // The loser of a race may end after the winner; the answer is the winner's.
  if (!report.attempts.some(({ outcome }) => outcome === AttemptOutcome.OK)) {
    report.provider = target.provider.name;
    report.model = target.model;
    report.simulated = target.provider.type.simulated;
    report.parameters = [...notes];
  }
  report.attempts.push(attempt);
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
