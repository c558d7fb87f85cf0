import { z } from 'zod';
import { secret256 } from './secret.ts';
import { duration } from './units.ts';

const key = z.strictObject({
  id: z
    .string()
    .regex(/^[\w.-]{1,64}$/, { error: 'must be 1 to 64 letters, digits, dots, dashes and underscores' })
    .describe("The key's public id, as `x-request-key-id` names it."),
  secret: secret256.describe('256 bits, in base64, base64url or hex; `llm-bridge keygen --signing` makes one.'),
  user: z.string().min(1).optional().describe('The one user it is for; any where not set.'),
  disabled: z.boolean().default(false).describe('Signs nothing any more.'),
});

/** Signed requests. */
export const requestSigning = z.strictObject({
  mode: z
    .enum(['off', 'optional', 'required'])
    .default('optional')
    .describe(
      'Whether signatures of chat calls count, or are needed; a sealed call needs none. Without keys: ignored.',
    ),
  window: duration.prefault('5m').describe('Oldest time that is accepted; times ahead by 30 s are.'),
  keys: z.array(key).default([]).describe("The callers' keys."),
});
