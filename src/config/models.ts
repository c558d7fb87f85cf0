import { z } from 'zod';
import { routeOverrides } from './balancer.ts';
import { routeCache } from './cache.ts';

/** Orders of the balancer chain, by the names of the file. */
const policies = [
  'round-robin',
  'weighted',
  'least-connections',
  'fastest',
  'random',
  'priority',
  'cheapest',
  'affinity',
] as const;

const target = z.strictObject({
  provider: z.string().min(1).describe('Name of an instance under `providers`.'),
  model: z.string().min(1).describe("The provider's own name of the model."),
  weight: z.number().min(0).default(1).describe("Share of the route's calls."),
  context: z.int().min(1).optional().describe('Longest prompt that it takes, in tokens: longer ones go elsewhere.'),
  lacks: z
    .array(z.enum(['tools', 'images', 'audio', 'video', 'files']))
    .optional()
    .describe('What it does not take: requests with it go elsewhere.'),
  price: z
    .strictObject({
      prompt: z.number().min(0).describe('US dollars for a million tokens that it reads.'),
      completion: z.number().min(0).describe('US dollars for a million tokens that it writes.'),
      cached_prompt: z
        .number()
        .min(0)
        .optional()
        .describe("For a million tokens read from the provider's cache; as `prompt` where not set."),
      cache_write: z
        .number()
        .min(0)
        .optional()
        .describe("For a million tokens written to the provider's cache; as `prompt` where not set."),
    })
    .optional()
    .describe('For the policy `cheapest`, and for what calls cost; list prices where not set.'),
  priority: z.int().min(1).default(1).describe('Tier: 1 serves first, a higher number only when no lower one can.'),
});

const route = z.strictObject({
  name: z.string().min(1).describe('What callers ask for.'),
  policy: z
    .array(z.enum(policies))
    .default(['weighted'])
    .describe('How a target is chosen within a tier: the leftmost decides, later ones break its ties.'),
  targets: z.array(target).min(1, { error: 'a route needs a target' }).describe('Where its calls may go.'),
  cache: routeCache,
  ...routeOverrides,
});

/** Names that callers ask for, beside provider and model by name. */
export const models = z.array(route);
