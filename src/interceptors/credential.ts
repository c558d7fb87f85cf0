import type { Call, Principal } from '../kernel/call.ts';

/**
 * One way to prove who calls: API keys, JSON Web Tokens, client certificates. It answers undefined for what is not of its
 * kind, and throws CREDENTIAL_INVALID for what is, but proves nothing.
 */
export interface CredentialSource {
  /** `presented` is undefined where the call carries no token; its connection may still tell. */
  identify(call: Call, presented: string | undefined): Principal | undefined | Promise<Principal | undefined>;
}

const bearer = /^bearer +([^ ]+) *$/i;

/**
 * The token of `authorization: Bearer` or `x-api-key`, from HTTP headers or gRPC metadata. Undefined where there is
 * none; the empty string where there is something that no source can take, such as another scheme.
 */
export function presentedCredential(call: Call): string | undefined {
  const authorization = call.header('authorization');
  if (authorization !== undefined) return bearer.exec(authorization)?.[1] ?? '';
  return call.header('x-api-key');
}
