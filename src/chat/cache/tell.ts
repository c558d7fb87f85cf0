import { create } from '@bufbuild/protobuf';
import { type GatewayReport, GatewayReportSchema } from '../../../gen/es/llmbridge/v1/report_pb.ts';
import type { Call } from '../../kernel/call.ts';
import type { ChatResponse } from '../../kernel/messages.ts';
import type { CacheResult } from '../../kernel/response-cache.ts';
import { tellWho } from '../passing-headers.ts';

/** Tells the caller how the cache served it; to be called before the first message. */
export function tellResult(call: Call, result: CacheResult): void {
  call.cacheResult = result;
  if (call.sealedBy === '') call.replyHeaders['x-llmbridge-cache'] = result;
}

/**
 * Gives a call an answer that it did not cause: nothing was attempted for it, and it cost nothing. The usage is that of
 * the attempt which was made once. `ageMs` is the answer's, 0 for one that was made meanwhile.
 */
export function serveKept(
  call: Call,
  { report: whose, usage }: Pick<ChatResponse, 'report' | 'usage'>,
  result: CacheResult,
  ageMs: number,
  now: number,
): GatewayReport {
  const { provider = '', model = '', simulated = false, parameters = [] } = whose ?? {};
  call.firstTokenAt ??= now;
  const report = create(GatewayReportSchema, {
    requestId: call.id,
    provider,
    model,
    simulated,
    parameters,
    cacheHit: true,
    cache: result,
    cacheAgeMs: Math.round(ageMs),
    costUsd: 0,
    firstTokenMs: Math.round(call.firstTokenAt - call.startedAt),
  });
  call.report = report;
  call.usage = usage;
  return report;
}

/** The headers of an answer that was there. */
export function tellKept(call: Call, report: GatewayReport | undefined, result: CacheResult, ageMs: number): void {
  tellResult(call, result);
  if (report !== undefined) tellWho(call, report.provider, report.model, report.parameters);
  // RFC 9111, section 5.1: whole seconds.
  call.replyHeaders['age'] = String(Math.floor(ageMs / 1_000));
}

/** The headers of an answer that is made now: all of them for whom it is made, and for others those that are of the answer. */
export function tellFlight(call: Call, headers: Readonly<Record<string, string>>, result: CacheResult): void {
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined && (result !== 'shared' || name.startsWith('x-llmbridge-')))
      call.replyHeaders[name] = value;
  }
  tellResult(call, result);
}
