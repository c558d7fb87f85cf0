import type { GoogleAuth } from 'google-auth-library';
import type { ProviderSettings } from '../../kernel/adapter.ts';
import { Fault } from '../../kernel/fault.ts';
import type { SignRequest } from '../../kernel/upstream.ts';

const scope = 'https://www.googleapis.com/auth/cloud-platform';

/** Adds an access token of Google's application default credentials to whatever does not carry one already. */
export function accessToken({ name, options }: ProviderSettings): SignRequest {
  const project = options['project'];
  // With the project told, the library need not look for it.
  const settings = { scopes: [scope], ...(typeof project === 'string' && { projectId: project }) };
  let auth: Promise<GoogleAuth> | undefined;
  return async (request) => {
    if (request.headers['authorization'] !== undefined) return request;
    try {
      // Loaded when it is needed; it keeps the token until it is about to expire.
      auth ??= import('google-auth-library').then(({ GoogleAuth: Auth }) => new Auth(settings));
      const token = await (await auth).getAccessToken();
      return { ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } };
    } catch (cause) {
      throw new Fault('PROVIDER_CREDENTIAL', `no Google credentials for the provider ${name}`, {
        blame: 'credential',
        cause,
        metadata: { provider: name },
      });
    }
  };
}
