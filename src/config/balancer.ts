import { z } from 'zod';
import { duration } from './units.ts';

const timeouts = z.strictObject({
  connect: duration.prefault('3s').describe('To a connection with the provider.'),
  first_token: duration.prefault('30s').describe('From the request to the first meaningful part of the answer.'),
  idle: duration.prefault('30s').describe('Between two parts of the answer.'),
  total: duration.prefault('600s').describe("The whole call; a caller's earlier deadline comes first."),
});

const retry = z.strictObject({
  max: z.int().min(0).default(2).describe('Retries a target.'),
  backoff: duration.prefault('100ms').describe('Shortest wait before a retry, with full jitter.'),
  max_backoff: duration.prefault('5s').describe('Longest wait before a retry.'),
  max_wait: duration.prefault('5s').describe("Longest `Retry-After` that is waited for on a tier's only target."),
  budget_ratio: z.number().min(0).max(1).default(0.2).describe('Retries allowed, as a part of all calls.'),
  budget_min: z.int().min(0).default(3).describe('Retries allowed in 10 s whatever the number of calls.'),
});

const breaker = z.strictObject({
  consecutive: z.int().min(1).default(5).describe('Failures in a row that eject a target.'),
  error_rate: z.number().min(0).max(1).default(0.5).describe('Part of failed calls that ejects a target.'),
  min_requests: z.int().min(1).default(20).describe('Calls in the window before `error_rate` counts.'),
  window: duration.prefault('30s').describe('Window of `error_rate`.'),
  open: duration.prefault('5s').describe('First ejection; each further one doubles.'),
  max_open: duration.prefault('15s').describe('Longest ejection.'),
});

const hedge = z.strictObject({
  enabled: z.boolean().default(false).describe('Whether a slow first token starts a second attempt elsewhere.'),
  delay: duration.optional().describe("When; the route's 95th percentile of time to first token where it is not set."),
  budget_ratio: z.number().min(0).max(1).default(0.05).describe('Second attempts allowed, as a part of all calls.'),
});

const recovery = z.strictObject({
  mode: z
    .enum(['off', 'continue', 'restart'])
    .default('off')
    .describe('What becomes of a stream cut after its first token: an error, a continuation, or the same prompt anew.'),
});

/** How attempts at providers are timed, repeated and given up. */
export const balancer = z.strictObject({
  timeouts: timeouts.prefault({}).describe('Limits on the time an attempt may take.'),
  retry: retry.prefault({}).describe('Retries before the first byte reached the caller.'),
  breaker: breaker.prefault({}).describe('When a failing target is left alone.'),
  hedge: hedge.prefault({}).describe('Second attempts for slow first tokens.'),
  recovery: recovery.prefault({}).describe('Rescue of cut streams.'),
});
