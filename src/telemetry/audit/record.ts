import type { Call } from '../../kernel/call.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Fault } from '../../kernel/fault.ts';
import { codeName } from '../code-name.ts';

const longestName = 200;
const mostGroups = 32;
/** What callers write themselves is cut: a line must not grow with what they send. */
const short = (text: string) => (text.length > longestName ? `${text.slice(0, longestName)}…` : text);

/** What a call's record says. Never contents, never secrets: who, when, what, and what became of it. */
export function recordOf(call: Call, fault: Fault | undefined, clock: Pick<Clock, 'now' | 'wall'>): object {
  const { principal, report, usage } = call;
  return {
    type: 'call',
    time: new Date(clock.wall()).toISOString(),
    request_id: call.id,
    trace_id: call.trace.traceId,
    protocol: call.protocol,
    method: short(call.method),
    stream: call.streaming,
    auth: principal.method,
    user: principal.user,
    credential: principal.credential,
    ...(principal.groups && { groups: principal.groups.slice(0, mostGroups).map(short) }),
    ...(call.sealedBy !== '' && { sealed_by: call.sealedBy }),
    ...(call.signedBy !== '' && { signed_by: call.signedBy }),
    address: call.address,
    requested_model: short(call.requestedModel),
    ...(report !== undefined && report.provider !== '' && { provider: report.provider, model: short(report.model) }),
    ...(usage !== undefined && { prompt_tokens: usage.promptTokens, completion_tokens: usage.completionTokens }),
    duration_ms: Math.round(clock.now() - call.startedAt),
    outcome: fault?.reason ?? 'ok',
    code: fault === undefined ? 'OK' : codeName(fault.shape.code),
  };
}
