import type { GatewayReport } from '../../gen/es/llmbridge/v1/report_pb.ts';
import type { Usage } from '../../gen/es/llmbridge/v1/usage_pb.ts';
import { estimatePromptTokens, estimateTokens } from '../kernel/estimate.ts';
import type { Fault } from '../kernel/fault.ts';
import { type ChatRequest, newUsage } from '../kernel/messages.ts';

/** What an attempt that did not come to its end consumed, as far as anyone can tell. */
export interface Evidence {
  /** Its HTTP status, 0 if none came. */
  readonly status: number;
  /** The last count that the provider gave. */
  readonly usage: Usage | undefined;
  /** Characters that it wrote. */
  readonly written: number;
}

/**
 * Usage of an attempt that failed or was given up: the provider's own count where it gave one, else an estimate. Nothing
 * where the provider took the request for none: it refused it, or broke off before it answered. Of one that was given up
 * while it was silent nobody knows: it may have been at work.
 */
export function partialUsage(
  request: ChatRequest,
  fault: Fault,
  { status, usage, written }: Evidence,
): Usage | undefined {
  const accepted = status >= 200 && status < 300;
  const { reason, detail } = fault;
  const abandoned =
    status === 0 && ((detail.blame === undefined && reason !== 'INTERNAL') || reason === 'PROVIDER_TIMEOUT');
  if (!accepted && !abandoned) return undefined;
  const partial = newUsage(
    usage?.promptTokens || estimatePromptTokens(request),
    Math.max(usage?.completionTokens ?? 0, estimateTokens(written)),
  );
  if (usage?.promptTokensDetails) partial.promptTokensDetails = usage.promptTokensDetails;
  if (usage?.completionTokensDetails) partial.completionTokensDetails = usage.completionTokensDetails;
  partial.partial = true;
  partial.estimated = usage === undefined || usage.completionTokens < partial.completionTokens;
  return partial;
}

/**
 * Usage of a whole answer: its provider's count, or an estimate where that gave none. Some send a count of nothing read
 * and nothing written with every answer, or with each chunk of one.
 */
export function wholeUsage(request: ChatRequest, { usage: told, written }: Omit<Evidence, 'status'>): Usage {
  if (
    told !== undefined &&
    (told.promptTokens > 0 || told.completionTokens > 0 || told.totalTokens > 0 || written === 0)
  )
    return told;
  const usage = newUsage(estimatePromptTokens(request), estimateTokens(written));
  usage.estimated = true;
  return usage;
}

/** What a call's attempts consumed together, the details left out. */
export function sumUsage({ attempts }: GatewayReport): Usage {
  const sum = newUsage(0, 0);
  for (const { usage } of attempts) {
    if (usage === undefined) continue;
    sum.promptTokens += usage.promptTokens;
    sum.completionTokens += usage.completionTokens;
    sum.totalTokens += usage.totalTokens;
    sum.partial ||= usage.partial;
    sum.estimated ||= usage.estimated;
  }
  return sum;
}

/** Usage of a call that failed: what its attempts consumed, or undefined for nothing. */
export function failedUsage(report: GatewayReport): Usage | undefined {
  const counted = report.attempts.filter(({ usage }) => usage !== undefined);
  return counted.length === 1 ? counted[0]?.usage : counted.length === 0 ? undefined : sumUsage(report);
}

/** What a call's attempts cost together; undefined where that is not known of any that consumed something. */
export function sumCosts({ attempts }: GatewayReport): number | undefined {
  let sum: number | undefined;
  for (const { usage, costUsd } of attempts) {
    if (usage === undefined) continue;
    if (costUsd === undefined) return undefined;
    sum = (sum ?? 0) + costUsd;
  }
  return sum;
}
