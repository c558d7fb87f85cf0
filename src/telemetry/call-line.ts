import type { Attempt, GatewayReport } from '../../gen/es/llmbridge/v1/report_pb.ts';
import type { Usage } from '../../gen/es/llmbridge/v1/usage_pb.ts';
import type { Call } from '../kernel/call.ts';
import type { Fault } from '../kernel/fault.ts';
import { attemptOutcomes } from './attempt-outcome.ts';
import { errorShape } from './error-shape.ts';
import { timeMember } from './logger.ts';

/** How a call's end is told. */
export interface Verdict {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** 'ok' or the fault's reason. */
  readonly outcome: string;
  /** The gRPC code's name. */
  readonly code: string;
}

const maxText = 200;
const quote = (text: string): string => JSON.stringify(text.length > maxText ? `${text.slice(0, maxText)}…` : text);
/** Microseconds are enough, and floats print long. */
const milliseconds = (ms: number): number => Math.round(ms * 1000) / 1000;
const providerCode = /^[\w.:-]{1,64}$/;

/**
 * The log line of a call, as JSON; `bindings` are the members of every line. Every field of it is made here, one by one: it holds no content and no secret, is
 * spared the search for them, and costs less than an object that is walked.
 */
export function callLine(
  call: Call,
  verdict: Verdict,
  bindings: string,
  durationMs: number,
  firstTokenMs: number | undefined,
  fault: Fault | undefined,
): string {
  const { principal, report, usage } = call;
  return (
    `{"level":"${verdict.level}"${timeMember()}${bindings},"request_id":${quote(call.id)},"trace_id":${quote(call.trace.traceId)}` +
    `,"method":${quote(call.method)},"protocol":"${call.protocol}","stream":${call.streaming}` +
    `,"auth":"${principal.method}","user":${quote(principal.user)},"credential":${quote(principal.credential)}` +
    `,"address":${quote(call.address)},"requested_model":${quote(call.requestedModel)}` +
    (call.sealedBy === '' ? '' : `,"sealed_by":${quote(call.sealedBy)}`) +
    (call.signedBy === '' ? '' : `,"signed_by":${quote(call.signedBy)}`) +
    (report === undefined ? '' : reportMembers(report)) +
    (usage === undefined ? '' : usageMembers(usage)) +
    (firstTokenMs === undefined ? '' : `,"first_token_ms":${milliseconds(firstTokenMs)}`) +
    `,"duration_ms":${milliseconds(durationMs)},"outcome":"${verdict.outcome}","code":"${verdict.code}"` +
    (fault === undefined ? '' : faultMembers(fault)) +
    ',"msg":"call"}\n'
  );
}

/** What is known of the answer: who gave it, after which attempts, and at what price. */
function reportMembers(report: GatewayReport): string {
  let attempts = '';
  for (const attempt of report.attempts) attempts += (attempts === '' ? '' : ',') + attemptJson(attempt);
  return (
    (report.provider === '' ? '' : `,"provider":${quote(report.provider)},"model":${quote(report.model)}`) +
    (report.simulated ? ',"simulated":true' : '') +
    (report.cacheHit ? ',"cache_hit":true' : '') +
    (report.cache === '' ? '' : `,"cache":${quote(report.cache)}`) +
    (report.cacheAgeMs === undefined ? '' : `,"cache_age_ms":${report.cacheAgeMs}`) +
    (report.recovered === '' ? '' : `,"recovered":${quote(report.recovered)}`) +
    `,"attempts":[${attempts}]` +
    (report.costUsd === undefined ? '' : `,"cost_usd":${report.costUsd}`)
  );
}

/** The call's own counts are those of the answer; an attempt's are what it consumed. */
const attemptJson = ({ provider, model, outcome, status, reason, durationMs, usage }: Attempt): string =>
  `{"provider":${quote(provider)},"model":${quote(model)},"outcome":"${attemptOutcomes[outcome] ?? 'unspecified'}"` +
  `,"status":${status}${reason === '' ? '' : `,"reason":${quote(reason)}`},"duration_ms":${durationMs}` +
  `${usage === undefined ? '' : countMembers(usage) + guessMembers(usage)}}`;

const countMembers = ({ promptTokens, completionTokens }: Usage): string =>
  `,"prompt_tokens":${promptTokens},"completion_tokens":${completionTokens}`;

const guessMembers = ({ partial, estimated }: Usage): string =>
  (partial ? ',"usage_partial":true' : '') + (estimated ? ',"usage_estimated":true' : '');

function usageMembers(usage: Usage): string {
  const cached = usage.promptTokensDetails?.cachedTokens;
  const reasoning = usage.completionTokensDetails?.reasoningTokens;
  return (
    countMembers(usage) +
    (cached === undefined ? '' : `,"cached_tokens":${cached}`) +
    (reasoning === undefined ? '' : `,"reasoning_tokens":${reasoning}`) +
    guessMembers(usage)
  );
}

/**
 * Why it failed, beside the reason. The fault's message is the caller's to read: it may quote what they or a provider
 * wrote, so it stays out of the log.
 */
function faultMembers({ reason, detail }: Fault): string {
  const { status, providerCode: code, retryAfterMs, cause } = detail;
  return (
    (status === undefined || status <= 0 ? '' : `,"provider_status":${status}`) +
    (code === undefined || !providerCode.test(code) ? '' : `,"provider_code":${quote(code)}`) +
    (retryAfterMs === undefined ? '' : `,"retry_after_ms":${JSON.stringify(Math.round(retryAfterMs))}`) +
    (reason === 'INTERNAL' && cause !== undefined ? `,"error":${JSON.stringify(errorShape(cause))}` : '')
  );
}
