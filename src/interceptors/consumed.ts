import { inNanoDollars } from '../kernel/asked-model.ts';
import type { Call } from '../kernel/call.ts';

/**
 * Tokens that a call of chat consumed with all its attempts, as far as anyone can tell; of an answer from the cache, none.
 */
export function consumedTokens({ report, usage }: Call): number {
  if (report?.cacheHit) return 0;
  let tokens = 0;
  let counted = false;
  for (const attempt of report?.attempts ?? []) {
    if (attempt.usage === undefined) continue;
    counted = true;
    tokens += attempt.usage.promptTokens + attempt.usage.completionTokens;
  }
  return counted || usage === undefined ? tokens : usage.promptTokens + usage.completionTokens;
}

/** What its attempts cost together, in billionths of a US dollar; those without a known price count nothing. */
export function consumedCost({ report }: Call): number {
  if (report === undefined || report.cacheHit) return 0;
  let cost = 0;
  for (const { costUsd } of report.attempts) if (costUsd !== undefined) cost += inNanoDollars(costUsd);
  return cost;
}
