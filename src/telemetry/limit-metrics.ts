import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
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
  const unpriced = new Counter({
    name: 'llmbridge_budget_unpriced_total',
    help: 'Calls that budgets counted at nothing, for want of a price.',
    registers,
  });
  const claims = new Counter({
    name: 'llmbridge_claims_refused_total',
    help: 'Calls refused for a nonce that was seen before, or for their time of issue.',
    labelNames: ['reason'],
    registers,
  });
  const waits = new Histogram({
    name: 'llmbridge_rate_limit_store_wait_seconds',
    help: 'How long calls waited for the store of the limits, whether it answered or not.',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 1],
    registers,
  });
  const failures = new Counter({
    name: 'llmbridge_rate_limit_store_failures_total',
    help: 'Decisions that the store of the limits did not give, or not in time.',
    labelNames: ['reason'],
    registers,
  });
  const up = new Gauge({
    name: 'llmbridge_rate_limit_store_up',
    help: 'Whether the store of the limits is asked: 0 while it is out.',
    registers,
    aggregator: 'min',
  });
  up.set(1);
  const fallbacks = new Counter({
    name: 'llmbridge_rate_limit_fallbacks_total',
    help: 'Calls that were judged without the store, by tier and what that does then: open, closed or local.',
    labelNames: ['tier', 'mode'],
    registers,
  });
  return {
    storeWaited: (ms) => waits.observe(ms / 1_000),
    storeFailed: (reason) => failures.inc({ reason }),
    storeOut: (out) => up.set(out ? 0 : 1),
    fellBack: (tier, mode) => fallbacks.inc({ tier, mode }),
    unpriced: () => unpriced.inc(),
    claimRefused: (reason) => claims.inc({ reason }),
    refused: (tier, measure) => refused.inc({ tier, measure }),
    estimated(tokens, real) {
      if (real > 0) estimates.observe(tokens / real);
    },
  };
}
