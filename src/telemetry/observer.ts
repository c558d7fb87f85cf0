import type { Usage } from '../../gen/es/llmbridge/v1/usage_pb.ts';
import type { Call } from '../kernel/call.ts';
import type { Clock } from '../kernel/clock.ts';
import { Code, type Fault, type FaultReason, faults } from '../kernel/fault.ts';
import type { CallObserver } from '../kernel/observer.ts';
import { attemptOutcomes } from './attempt-outcome.ts';
import type { CallMetrics } from './call-metrics.ts';
import { errorShape } from './error-shape.ts';
import type { Logger } from './logger.ts';
import { isProbe } from './probe.ts';

export interface ObserverOptions {
  readonly logger: Logger;
  readonly metrics: CallMetrics;
  readonly clock: Clock;
}

type Level = 'debug' | 'info' | 'warn' | 'error';

interface Verdict {
  readonly level: Level;
  /** 'ok' or the fault's reason. */
  readonly outcome: string;
  /** The gRPC code's name. */
  readonly code: string;
}

/** A failing gateway is an error, a failing provider a warning; what callers do wrong is everyday business. */
const levels: Readonly<Partial<Record<Code, Level>>> = {
  [Code.INTERNAL]: 'error',
  [Code.UNKNOWN]: 'error',
  [Code.DATA_LOSS]: 'error',
  [Code.UNAVAILABLE]: 'warn',
  [Code.DEADLINE_EXCEEDED]: 'warn',
};

const codeNames = Object.fromEntries(Object.entries(Code).map(([name, code]) => [code, name]));
const ok: Verdict = { level: 'info', outcome: 'ok', code: 'OK' };
/** Of probes: a line for each would bury the calls. */
const quietOk: Verdict = { ...ok, level: 'debug' };
const verdicts = Object.fromEntries(
  Object.entries(faults).map(([outcome, { code }]): [string, Verdict] => [
    outcome,
    { level: levels[code] ?? 'info', outcome, code: codeNames[code] ?? 'UNKNOWN' },
  ]),
) as Record<FaultReason, Verdict>;

const maxText = 200;
const short = (text: string) => (text.length > maxText ? `${text.slice(0, maxText)}…` : text);
/** Microseconds are enough, and floats print long. */
const milliseconds = (ms: number) => Math.round(ms * 1000) / 1000;
const providerCode = /^[\w.:-]{1,64}$/;

interface Line {
  [field: string]: unknown;
}

/** What one attempt consumed: the call's own counts are those of the answer. */
const attemptUsage = ({ promptTokens, completionTokens, partial, estimated }: Usage): Line => ({
  prompt_tokens: promptTokens,
  completion_tokens: completionTokens,
  ...(partial && { usage_partial: true }),
  ...(estimated && { usage_estimated: true }),
});

/** What is known of the answer: who gave it, after which attempts, and at what price. */
function addReport(line: Line, { report, usage }: Call): void {
  if (report !== undefined) {
    if (report.provider !== '') {
      line['provider'] = report.provider;
      line['model'] = short(report.model);
    }
    if (report.simulated) line['simulated'] = true;
    if (report.cacheHit) line['cache_hit'] = true;
    if (report.cache !== '') line['cache'] = report.cache;
    if (report.cacheAgeMs !== undefined) line['cache_age_ms'] = report.cacheAgeMs;
    if (report.recovered !== '') line['recovered'] = report.recovered;
    line['attempts'] = report.attempts.map((attempt) => ({
      provider: attempt.provider,
      model: short(attempt.model),
      outcome: attemptOutcomes[attempt.outcome],
      status: attempt.status,
      ...(attempt.reason !== '' && { reason: short(attempt.reason) }),
      duration_ms: attempt.durationMs,
      ...(attempt.usage && attemptUsage(attempt.usage)),
    }));
    if (report.costUsd !== undefined) line['cost_usd'] = report.costUsd;
  }
  if (usage !== undefined) {
    line['prompt_tokens'] = usage.promptTokens;
    line['completion_tokens'] = usage.completionTokens;
    const cached = usage.promptTokensDetails?.cachedTokens;
    if (cached !== undefined) line['cached_tokens'] = cached;
    const reasoning = usage.completionTokensDetails?.reasoningTokens;
    if (reasoning !== undefined) line['reasoning_tokens'] = reasoning;
    if (usage.partial) line['usage_partial'] = true;
    if (usage.estimated) line['usage_estimated'] = true;
  }
}

/**
 * Why it failed, beside the reason. The fault's message is the caller's to read: it may quote what they or a provider
 * wrote, so it stays out of the log.
 */
function addFault(line: Line, { reason, detail }: Fault): void {
  if (detail.status !== undefined && detail.status > 0) line['provider_status'] = detail.status;
  if (detail.providerCode !== undefined && providerCode.test(detail.providerCode)) {
    line['provider_code'] = detail.providerCode;
  }
  if (detail.retryAfterMs !== undefined) line['retry_after_ms'] = Math.round(detail.retryAfterMs);
  if (reason === 'INTERNAL' && detail.cause !== undefined) line['error'] = errorShape(detail.cause);
}

/** Writes one line for each call at its end, and feeds the call metrics. Never contents, never secrets. */
export function createObserver({ logger, metrics, clock }: ObserverOptions): CallObserver {
  // Every field of a call's line is made here, so it is spared the search for secrets.
  const lines = logger.child({}, { formatters: { log: (line) => line } });

  return {
    begin(call) {
      metrics.begin(call);
    },
    end(call, fault) {
      const duration = clock.now() - call.startedAt;
      const firstToken = call.firstTokenAt === undefined ? undefined : call.firstTokenAt - call.startedAt;
      const verdict = fault !== undefined ? verdicts[fault.reason] : isProbe(call.method) ? quietOk : ok;
      metrics.end(call, verdict.outcome, duration, firstToken);
      if (!lines.isLevelEnabled(verdict.level)) return;

      const { principal } = call;
      const line: Line = {
        request_id: call.id,
        trace_id: call.trace.traceId,
        method: short(call.method),
        protocol: call.protocol,
        stream: call.streaming,
        auth: principal.method,
        user: principal.user,
        credential: principal.credential,
        address: call.address,
        requested_model: short(call.requestedModel),
      };
      if (call.sealedBy !== '') line['sealed_by'] = call.sealedBy;
      if (call.signedBy !== '') line['signed_by'] = call.signedBy;
      addReport(line, call);
      if (firstToken !== undefined) line['first_token_ms'] = milliseconds(firstToken);
      line['duration_ms'] = milliseconds(duration);
      line['outcome'] = verdict.outcome;
      line['code'] = verdict.code;
      if (fault !== undefined) addFault(line, fault);
      lines[verdict.level](line, 'call');
    },
  };
}
