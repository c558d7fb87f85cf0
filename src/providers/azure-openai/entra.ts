import type { AccessToken, TokenCredential } from '@azure/identity';
import { z } from 'zod';
import type { ProviderSettings } from '../../kernel/adapter.ts';
import { Fault } from '../../kernel/fault.ts';
import type { SignRequest } from '../../kernel/upstream.ts';

/** An instance's `entra` option: a service principal, or (empty) whatever identity the machine has. */
export const entraOptions = z
  .strictObject({
    tenant_id: z.string().min(1).optional(),
    client_id: z.string().min(1).optional(),
    client_secret: z.string().min(1).optional().meta({ kind: 'secret' }),
    scope: z.string().min(1).optional(),
  })
  .refine(({ tenant_id, client_id, client_secret }) => client_secret === undefined || (tenant_id && client_id), {
    error: 'a client_secret needs a tenant_id and a client_id',
  });

export type EntraOptions = z.output<typeof entraOptions>;

/** What the resource's tokens are for (learn.microsoft.com, "Azure OpenAI: Microsoft Entra ID authentication"). */
const defaultScope = 'https://cognitiveservices.azure.com/.default';

/** How long before its end a token is renewed, where the issuer does not say. */
const renewMs = 5 * 60_000;

type Token = Pick<AccessToken, 'token' | 'expiresOnTimestamp' | 'refreshAfterTimestamp'>;
type Credential = { getToken(scope: string): Promise<Token | null> };

/** Azure's own credentials, loaded when one is needed. */
async function azureCredential({ tenant_id, client_id, client_secret }: EntraOptions): Promise<TokenCredential> {
  const azure = await import('@azure/identity');
  if (tenant_id && client_id && client_secret) {
    return new azure.ClientSecretCredential(tenant_id, client_id, client_secret);
  }
  return new azure.DefaultAzureCredential({
    ...(tenant_id && { tenantId: tenant_id }),
    ...(client_id && { managedIdentityClientId: client_id }),
  });
}

/**
 * Adds a Microsoft Entra ID access token to the requests of an instance that has the `entra` option and no key. A token is
 * kept, and renewed while it is still good; calls wait only where there is none.
 */
export function entraToken(
  { name, options }: ProviderSettings,
  credentialOf: (entra: EntraOptions) => Promise<Credential> = azureCredential,
): SignRequest | undefined {
  const entra = options['entra'] as EntraOptions | undefined;
  if (entra === undefined) return undefined;
  const tokens = new Tokens(entra, credentialOf);
  return async (request, _, now) => {
    if (request.headers['authorization'] !== undefined || request.headers['api-key'] !== undefined) return request;
    try {
      const token = await tokens.get(now);
      return { ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } };
    } catch (cause) {
      throw new Fault('PROVIDER_CREDENTIAL', `no Entra ID token for the provider ${name}`, {
        blame: 'credential',
        cause,
        metadata: { provider: name },
      });
    }
  };
}

class Tokens {
  readonly #entra: EntraOptions;
  readonly #credentialOf: (entra: EntraOptions) => Promise<Credential>;
  #credential: Credential | undefined;
  #token: Token | undefined;
  #asked: Promise<Token> | undefined;

  constructor(entra: EntraOptions, credentialOf: (entra: EntraOptions) => Promise<Credential>) {
    this.#entra = entra;
    this.#credentialOf = credentialOf;
  }

  async get(now: number): Promise<string> {
    const held = this.#token;
    if (held === undefined || held.expiresOnTimestamp <= now) return (await this.#renew()).token;
    if (now >= (held.refreshAfterTimestamp ?? held.expiresOnTimestamp - renewMs)) {
      // Where it fails the held one still serves, and the next call asks again.
      this.#renew().catch(() => {});
    }
    return held.token;
  }

  /** One question at a time, whoever waits for it. */
  #renew(): Promise<Token> {
    this.#asked ??= this.#ask().finally(() => {
      this.#asked = undefined;
    });
    return this.#asked;
  }

  async #ask(): Promise<Token> {
    this.#credential ??= await this.#credentialOf(this.#entra);
    const token = await this.#credential.getToken(this.#entra.scope ?? defaultScope);
    if (token === null) throw new Error('the credential gave no token');
    this.#token = token;
    return token;
  }
}
