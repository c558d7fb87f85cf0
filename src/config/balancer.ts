import { z } from 'zod';
import { duration } from './units.ts';

const part = z.number().min(0).max(1);

/** Keys without their defaults: routes and providers may set some of them for themselves. */
const timeout = {
  first_token: duration.describe('From the request to the first meaningful part of the answer.'),
  whole: duration.optional().describe('To an answer that is not streamed; three times `first_token` where not set.'),
  idle: duration.describe('Between two parts of the answer.'),
  total: duration.describe("The whole call; a caller's earlier deadline comes first."),
};

/** What only connections have, which routes do not own. */
const connection = {
  connect: duration.describe('To a connection with the provider.'),
  connection_age: duration.describe(
    'After so long a connection takes no new request, so that new addresses of the provider come into use.',
  ),
};

const retry = {
  max: z.int().min(0).describe('Retries a target.'),
  backoff: duration.describe('Shortest wait before a retry, with full jitter.'),
  max_backoff: duration.describe('Longest wait before a retry.'),
  max_wait: duration.describe("Longest `Retry-After` that is waited for on a tier's only target."),
};

const breaker = {
  consecutive: z.int().min(1).describe('Failures in a row that eject a target.'),
  error_rate: part.describe('Part of failed calls that ejects a target.'),
  min_requests: z.int().min(1).describe('Calls in the window before `error_rate` counts.'),
  window: duration.describe('Window of `error_rate`.'),
  open: duration.describe('First ejection; each further one doubles.'),
  max_open: duration.describe('Longest ejection.'),
};

const hedge = {
  enabled: z.boolean().describe('Whether a slow first token starts a second attempt elsewhere.'),
  delay: duration.optional().describe("When; the route's 95th percentile of time to first token where it is not set."),
  budget_ratio: part.describe('Second attempts allowed, as a part of all calls.'),
};

const admission = {
  max_concurrent: z.int().min(1).optional().describe('Calls at once; any number where it is not set.'),
  max_queue: z.int().min(0).describe('Calls that may wait for a place.'),
  max_queue_time: duration.describe('How long they may wait.'),
};

const mode = z
  .enum(['off', 'continue', 'restart'])
  .describe('What becomes of a stream cut after its first token: an error, a continuation, or the same prompt anew.');

const contextFallback = z.boolean().describe('Whether a prompt too long for one target goes to the next.');

const overrides = <S extends Readonly<Record<string, z.ZodType>>>(keys: S, text: string) =>
  z.strictObject(keys).partial().optional().describe(text);

/** What a route may set for itself. */
export const routeOverrides = {
  timeouts: overrides(timeout, 'As under `balancer`, for this route.'),
  retry: overrides(retry, 'As under `balancer`, for this route.'),
  hedge: overrides(hedge, 'As under `balancer`, for this route.'),
  admission: overrides(admission, 'As under `balancer`, for this route.'),
  recovery: overrides({ mode }, 'As under `balancer`, for this route.'),
  context_fallback: contextFallback.optional(),
};

/** What a provider instance may set for itself; a route's own timeouts come first. */
export const providerOverrides = {
  timeouts: overrides({ ...connection, ...timeout }, 'As under `balancer`, for this provider.'),
  breaker: overrides(breaker, 'As under `balancer`, for this provider.'),
  admission: overrides(admission, 'As under `balancer`, for this provider.'),
  probe: z
    .strictObject({
      interval: duration.prefault('30s').describe('How often.'),
      timeout: duration.prefault('5s').describe('How long an answer may take.'),
      failure_threshold: z.int().min(1).default(3).describe('Failed probes in a row that take its targets out.'),
      path: z
        .string()
        .startsWith('/')
        .optional()
        .describe('What is asked for; the list of models where it is not set.'),
    })
    .optional()
    .describe('Requests that cost no tokens; once enough of them failed in a row, its targets are passed over.'),
  prefill: z
    .boolean()
    .optional()
    .describe('Whether its models go on with an answer that the conversation ends in; for `recovery: continue`.'),
};

/** How attempts at providers are timed, repeated and given up. */
export const balancer = z.strictObject({
  timeouts: z
    .strictObject({
      connect: connection.connect.prefault('3s'),
      connection_age: connection.connection_age.prefault('5m'),
      first_token: timeout.first_token.prefault('30s'),
      whole: timeout.whole,
      idle: timeout.idle.prefault('30s'),
      total: timeout.total.prefault('600s'),
    })
    .prefault({})
    .describe('Limits on the time an attempt may take.'),
  retry: z
    .strictObject({
      max: retry.max.default(2),
      backoff: retry.backoff.prefault('100ms'),
      max_backoff: retry.max_backoff.prefault('5s'),
      max_wait: retry.max_wait.prefault('5s'),
      budget_ratio: part.default(0.2).describe('Retries allowed, as a part of all calls.'),
      budget_min: z.int().min(0).default(3).describe('Retries allowed in 10 s whatever the number of calls.'),
    })
    .prefault({})
    .describe('Retries before the first byte reached the caller.'),
  breaker: z
    .strictObject({
      consecutive: breaker.consecutive.default(5),
      error_rate: breaker.error_rate.default(0.5),
      min_requests: breaker.min_requests.default(20),
      window: breaker.window.prefault('30s'),
      open: breaker.open.prefault('5s'),
      max_open: breaker.max_open.prefault('15s'),
    })
    .prefault({})
    .describe('When a failing target is left alone.'),
  hedge: z
    .strictObject({ ...hedge, enabled: hedge.enabled.default(false), budget_ratio: hedge.budget_ratio.default(0.05) })
    .prefault({})
    .describe('Second attempts for slow first tokens.'),
  admission: z
    .strictObject({
      ...admission,
      max_queue: admission.max_queue.default(100),
      max_queue_time: admission.max_queue_time.prefault('5s'),
    })
    .prefault({})
    .describe('How many calls a route or provider serves at once; each has places of its own.'),
  recovery: z
    .strictObject({ mode: mode.default('off') })
    .prefault({})
    .describe('Rescue of cut streams.'),
  context_fallback: contextFallback.default(false),
});
