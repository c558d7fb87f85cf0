import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { requestSigning } from './request-signing.ts';
import { secret256 } from './secret.ts';
import { duration, parseSize } from './units.ts';

const cidr = z.string().refine((text) => ipaddr.isValidCIDR(text), { error: 'must be a CIDR such as 10.0.0.0/8' });

const day = z
  .union([z.string(), z.number()])
  .transform((value, context) => {
    const time = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/.test(String(value))
      ? Date.parse(String(value))
      : Number.NaN;
    if (!Number.isNaN(time)) return time;
    context.addIssue('must be a date such as 2027-01-01, or a time such as 2027-01-01T12:00:00Z');
    return z.NEVER;
  })
  .meta({ kind: 'date' });

const apiKey = z.strictObject({
  name: z.string().min(1).describe("The key's public name, for logs."),
  user: z.string().min(1).describe('Whom limits and logs count it for.'),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/i, { error: 'must be 64 hex digits: the SHA-256 of the key' })
    .transform((hex) => hex.toLowerCase())
    .describe('SHA-256 of the key, in hex; the key itself is never stored.'),
  models: z.array(z.string().min(1)).optional().describe('Models it may ask for; all where not set.'),
  groups: z.array(z.string().min(1)).optional().describe('Groups that it is in, whose models it may ask for.'),
  expires: day.optional().describe('From when on it is refused.'),
  disabled: z.boolean().default(false).describe('Refused at once.'),
  must_seal: z.boolean().default(false).describe('Chat calls with it must be sealed, whatever `sealing.mode` says.'),
});

const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const;

const jwt = z.strictObject({
  issuer: z.string().min(1).optional().describe('Expected `iss`.'),
  audience: z.string().min(1).optional().describe('Expected `aud`.'),
  jwks_url: z
    .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
    .optional()
    .describe('Where the keys are.'),
  algorithms: z.array(z.enum(algorithms)).min(1).default(['RS256', 'ES256', 'EdDSA']).describe('Algorithms accepted.'),
  user_claim: z.string().min(1).default('sub').describe('Claim that names the user.'),
  models_claim: z
    .string()
    .min(1)
    .optional()
    .describe('Claim that lists the models the user may ask for; a token without it may ask for none.'),
  groups_claim: z.string().min(1).optional().describe('Claim that lists the groups the user is in.'),
  clock_skew: duration.prefault('30s').describe('Tolerance for `exp` and `nbf`.'),
  jwks_cooldown: duration
    .prefault('30s')
    .describe('Least time between two requests for the keys, whatever tokens come.'),
  jwks_max_age: duration.prefault('10m').describe('Age from which on the keys are fetched anew.'),
});

const mtls = z.strictObject({
  user_from: z.enum(['spiffe', 'subject']).optional().describe("What of the client's certificate names the user."),
});

const sealingKey = z.strictObject({
  id: z.string().min(1).describe("The key's public id."),
  secret: secret256.describe('256 bits, in base64, base64url or hex; `llm-bridge keygen --sealing` makes one.'),
  state: z
    .enum(['active', 'retired', 'revoked'])
    .default('active')
    .describe('Active: opens and seals; retired: opens only; revoked: neither.'),
  user: z.string().min(1).optional().describe('The one user it is for; any where not set.'),
});

const padding = z
  .union([z.string(), z.number()], { error: 'must be off, pow2 or a size such as 256B' })
  .transform((value, context) => {
    if (value === 'off' || value === 'pow2') return value;
    const bytes = parseSize(String(value).trim());
    if (bytes !== undefined && bytes >= 16 && bytes <= 2 ** 20) return bytes;
    context.addIssue('must be off, pow2 or a size from 16B to 1MiB');
    return z.NEVER;
  })
  .meta({ kind: '`off`, `pow2` or size' });

const sealing = z.strictObject({
  mode: z
    .enum(['off', 'optional', 'required'])
    .default('optional')
    .describe('Whether chat calls may or must be sealed.'),
  window: duration.prefault('5m').describe('Oldest issue time that is accepted.'),
  epoch_guard: duration.prefault('0').describe('Time after a lost store in which all sealed calls are refused.'),
  on_outage: z
    .enum(['closed', 'open'])
    .default('closed')
    .describe('Refuse or accept sealed calls without a replay store.'),
  padding: padding
    .prefault('off')
    .describe('Lengths that messages of replies are filled up to: powers of two, or multiples of so many bytes.'),
  keys: z.array(sealingKey).default([]).describe('The key ring.'),
});

const failedAttempts = z.strictObject({
  free: z
    .int()
    .min(1)
    .default(20)
    .describe(
      'Wrong credentials that an address (IPv6: a /64) may send before it is slowed; one is forgiven a second.',
    ),
  interval: duration.prefault('10ms').describe('Time between two credentials that are judged of a slowed address.'),
  max_wait: duration.prefault('10s').describe('How long one may wait for its turn; those beyond get 429, unjudged.'),
});

const group = z.strictObject({
  models: z.array(z.string().min(1)).optional().describe('Models its members may ask for; all where not set.'),
});

/** Who may call. */
export const security = z.strictObject({
  anonymous: z
    .union([z.literal('auto'), z.boolean()], { error: 'must be auto, true or false' })
    .default('auto')
    .describe('Whether callers without a credential are served; auto: on a loopback address only.'),
  trusted_proxies: z.array(cidr).default([]).describe('Networks whose `x-forwarded-for` is believed.'),
  allowed_hosts: z
    .array(z.string().min(1))
    .default([])
    .describe('Names, beside the loopback ones, that an anonymous loopback port answers to, as `Host` gives them.'),
  api_keys: z.array(apiKey).default([]).describe('API keys of callers.'),
  jwt: jwt.prefault({}).describe('JSON Web Tokens of callers.'),
  groups: z
    .record(z.string().min(1), group)
    .default({})
    .describe('Groups of users, by the names that tokens and keys give them.'),
  mtls: mtls.prefault({}).describe('Client certificates.'),
  failed_attempts: failedAttempts.prefault({}).describe('What becomes of those who guess.'),
  request_signing: requestSigning
    .prefault({})
    .describe('Signatures that keep requests in the clear from being changed or sent again.'),
  sealing: sealing.prefault({}).describe('Sealed requests and replies.'),
});
