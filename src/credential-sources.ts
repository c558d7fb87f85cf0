import type { GatewayConfig } from './config/gateway-config.ts';
import { createApiKeys } from './interceptors/api-keys.ts';
import { createCertificates } from './interceptors/certificates.ts';
import type { CredentialSource } from './interceptors/credential.ts';
import { createJsonWebTokens } from './interceptors/json-web-tokens.ts';
import { createJwks } from './interceptors/jwks.ts';
import type { Clock } from './kernel/clock.ts';
import type { GatewayEvents } from './telemetry/gateway-events.ts';

/** The ways to prove who calls that the configuration names, the cheapest first. */
export function credentialSources(
  { api_keys, jwt, mtls }: GatewayConfig['security'],
  clock: Clock,
  events: Pick<GatewayEvents, 'issuerUnavailable'>,
): CredentialSource[] {
  const sources: CredentialSource[] = [];
  if (api_keys.length > 0) {
    const keys = api_keys.map(({ must_seal, ...key }) => ({ ...key, mustSeal: must_seal }));
    sources.push(createApiKeys(keys, clock));
  }
  if (jwt.jwks_url !== undefined) {
    const key = createJwks({
      url: jwt.jwks_url,
      cooldownMs: jwt.jwks_cooldown,
      maxAgeMs: jwt.jwks_max_age,
      clock,
      failed: events.issuerUnavailable,
    });
    sources.push(
      createJsonWebTokens({
        key,
        issuer: jwt.issuer,
        audience: jwt.audience,
        algorithms: jwt.algorithms,
        clockSkewMs: jwt.clock_skew,
        userClaim: jwt.user_claim,
        modelsClaim: jwt.models_claim,
        clock,
      }),
    );
  }
  const alone = sources.length === 0;
  if (mtls.user_from !== undefined) sources.push(createCertificates({ userFrom: mtls.user_from, alone }));
  return sources;
}
