import { isDeepStrictEqual } from 'node:util';
import type { GatewayConfig } from './config/gateway-config.ts';
import { createApiKeys } from './interceptors/api-keys.ts';
import { createCertificates } from './interceptors/certificates.ts';
import type { CredentialSource } from './interceptors/credential.ts';
import { createGroupModels } from './interceptors/group-models.ts';
import { createJsonWebTokens } from './interceptors/json-web-tokens.ts';
import { createJwks } from './interceptors/jwks.ts';
import type { Clock } from './kernel/clock.ts';
import type { GatewayEvents } from './telemetry/gateway-events.ts';

type Security = Pick<GatewayConfig['security'], 'api_keys' | 'jwt' | 'mtls' | 'groups'>;

/**
 * Makes the ways to prove who calls that a configuration names, the cheapest first. An issuer that is the same as the time
 * before keeps what was fetched of it.
 */
export function createCredentialSources(
  clock: Clock,
  events: Pick<GatewayEvents, 'issuerUnavailable'>,
): (security: Security) => CredentialSource[] {
  let known: (Pick<Security, 'jwt' | 'groups'> & { readonly source: CredentialSource }) | undefined;

  const tokens = ({ jwt, groups }: Pick<Security, 'jwt' | 'groups'>, url: string): CredentialSource => {
    if (known !== undefined && isDeepStrictEqual(known.jwt, jwt) && isDeepStrictEqual(known.groups, groups))
      return known.source;
    const key = createJwks({
      url,
      cooldownMs: jwt.jwks_cooldown,
      maxAgeMs: jwt.jwks_max_age,
      clock,
      failed: events.issuerUnavailable,
    });
    const source = createJsonWebTokens({
      key,
      issuer: jwt.issuer,
      audience: jwt.audience,
      algorithms: jwt.algorithms,
      clockSkewMs: jwt.clock_skew,
      userClaim: jwt.user_claim,
      modelsClaim: jwt.models_claim,
      groupsClaim: jwt.groups_claim,
      groupModels: createGroupModels(groups),
      clock,
    });
    known = { jwt, groups, source };
    return source;
  };

  return ({ api_keys, jwt, mtls, groups }) => {
    const sources: CredentialSource[] = [];
    if (api_keys.length > 0) {
      const keys = api_keys.map(({ must_seal, ...key }) => ({ ...key, mustSeal: must_seal }));
      sources.push(createApiKeys(keys, createGroupModels(groups), clock));
    }
    if (jwt.jwks_url !== undefined) sources.push(tokens({ jwt, groups }, jwt.jwks_url));
    const alone = sources.length === 0;
    if (mtls.user_from !== undefined) sources.push(createCertificates({ userFrom: mtls.user_from, alone }));
    return sources;
  };
}
