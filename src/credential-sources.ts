import type { GatewayConfig } from './config/gateway-config.ts';
import { createApiKeys } from './interceptors/api-keys.ts';
import type { CredentialSource } from './interceptors/credential.ts';
import type { Clock } from './kernel/clock.ts';

/** The ways to prove who calls that the configuration names, the cheapest first. */
export function credentialSources({ api_keys }: GatewayConfig['security'], clock: Clock): CredentialSource[] {
  const sources: CredentialSource[] = [];
  if (api_keys.length > 0) sources.push(createApiKeys(api_keys, clock));
  return sources;
}
