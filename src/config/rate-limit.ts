import { z } from 'zod';
import { budget, duration, rate } from './units.ts';

const measures = {
  requests: rate.optional().describe('Calls in a time.'),
  tokens: rate.optional().describe('Tokens in a time, read and written.'),
  concurrent: z.int().min(1).optional().describe('Calls at once.'),
  burst: z
    .int()
    .min(1)
    .optional()
    .describe('Calls that may come at once, the rest in an even flow; without it, a whole window of them may.'),
  budget: budget
    .refine(({ usd }) => usd >= 1e-6 && usd <= 1e6, { error: 'must be from 0.000001usd to 1000000usd' })
    .optional()
    .describe('What calls may cost in a time; calls without a known price cost nothing.'),
};

const tier = z.strictObject(measures);

const byModel = (what: string) => z.record(z.string().min(1), tier).default({}).describe(what);

const override = z.strictObject({
  ...measures,
  models: byModel("This user's calls of one model, by the name of a route, `provider/model` or a model."),
});

const outage = (fallback: 'open' | 'closed' | 'local') =>
  z
    .enum(['open', 'closed', 'local'])
    .default(fallback)
    .describe('Admit all, refuse all, or limit by this instance alone.');

/** Limits on three tiers; off where none is set. */
export const rateLimit = z.strictObject({
  store: z
    .enum(['auto', 'memory', 'redis'])
    .default('auto')
    .describe('Where the counts are; auto: Redis where `redis` is set, else memory.'),
  store_timeout: duration.prefault('50ms').describe('Longest wait for the store.'),
  lease: duration.prefault('30s').describe('How long the place of a call outlives an instance that died, in Redis.'),
  instances: z.int().min(1).default(1).describe('Instances that share the limits, for `local`.'),
  on_outage: z
    .strictObject({ global: outage('local'), user: outage('local'), ip: outage('open'), model: outage('local') })
    .prefault({})
    .describe('What each tier does while the store is out; what is limited of one user and model does as `user`.'),
  ready_on_outage: z
    .boolean()
    .default(true)
    .describe('Whether the gateway counts as ready while the store is out; if not, it asks the store by itself.'),
  assumed_completion: z
    .int()
    .min(1)
    .default(1024)
    .describe('Tokens that a call without max_tokens is taken to write at most, until it is known.'),
  global: tier.prefault({}).describe('All calls together.'),
  user: z
    .strictObject({ ...measures, overrides: z.record(z.string().min(1), override).default({}).describe('By user.') })
    .prefault({})
    .describe('Each authenticated user.'),
  ip: tier.prefault({}).describe('Each address; IPv6 by /64.'),
  models: byModel('All calls of one model together, by the name of a route, `provider/model` or a model.'),
});
