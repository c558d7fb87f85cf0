import { Fault } from '../kernel/fault.ts';

/** No source of credentials is there to ask, and anonymous calls are off. */
export const noSource = (): Fault =>
  new Fault(
    'CREDENTIAL_MISSING',
    'this gateway takes no calls yet: it has no credential source, and anonymous calls are off (security.anonymous)',
  );

export const missingCredential = (): Fault =>
  new Fault('CREDENTIAL_MISSING', 'a credential is needed: send `authorization: Bearer ...` or `x-api-key`');

/** One text for whatever is wrong with a credential: unknown, expired and disabled ones are not told apart. */
export const invalidCredential = (): Fault => new Fault('CREDENTIAL_INVALID', 'the credential is not valid');
