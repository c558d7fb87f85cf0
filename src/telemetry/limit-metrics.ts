import { Counter, Histogram, type Registry } from 'prom-client';
import type { LimitEvents } from '../kernel/limit-events.ts';

/** What limits did, in a registry. */
export function createLimitMetrics(registry: Registry): LimitEvents {
  const registers = [registry];
  const refused = new Counter({
    name: 'llmbridge_rate_limited_total',
    help: 'Refusals of calls by tier and measure; a call that several limits refuse is counted in each.',
    labelNames: ['tier', 'measure'],
    registers,
  });
  const estimates = new Histogram({
    name: 'llmbridge_prompt_estimate_ratio',
    help: 'Tokens that a prompt was estimated to have, by those that its provider counted.',
    buckets: [0.25, 0.5, 0.67, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 4],
    registers,
  });
  return {
    refused: (tier, measure) => refused.inc({ tier, measure }),
    estimated(tokens, real) {
      if (real > 0) estimates.observe(tokens / real);
    },
  };
}
