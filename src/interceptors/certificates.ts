import type { ClientCertificate, Principal } from '../kernel/call.ts';
import type { CredentialSource } from './credential.ts';
import { invalidCredential } from './refusals.ts';

export interface CertificateOptions {
  /**
   * What names the user: the certificate's SPIFFE ID, or its subject, by the common name or, where it has none, the whole
   * distinguished name.
   */
  readonly userFrom: 'spiffe' | 'subject';
  /** Whether no source takes tokens. Those that SDKs always send are then nobody's, and the certificate alone counts. */
  readonly alone: boolean;
}

// https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md, section 2.
const spiffeId = /^spiffe:\/\/[a-z0-9._-]{1,255}(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)+$/;
const longestUser = 2048;

/** A SPIFFE certificate has one URI, its ID (X509-SVID, section 2): any other could be any of its names. */
function spiffeUser({ uris }: ClientCertificate): string | undefined {
  const [id] = uris;
  return id !== undefined && uris.length === 1 && spiffeId.test(id) ? id : undefined;
}

const subjectUser = ({ commonName, subject }: ClientCertificate) => commonName || subject.split('\n').join(',');

/** Knows callers by the verified client certificates of their connections. A token beside one comes first. */
export function createCertificates({ userFrom, alone }: CertificateOptions): CredentialSource {
  const userOf = userFrom === 'spiffe' ? spiffeUser : subjectUser;
  // A connection's certificate is one object for all its calls.
  const known = new WeakMap<ClientCertificate, Principal>();
  return {
    identify({ certificate }, presented) {
      if (certificate === undefined || (presented !== undefined && !alone)) return undefined;
      const principal = known.get(certificate);
      if (principal !== undefined) return principal;
      const user = userOf(certificate);
      if (user === undefined || user === '' || user.length > longestUser) throw invalidCredential();
      const fresh: Principal = { user, method: 'mtls', credential: user };
      known.set(certificate, fresh);
      return fresh;
    },
  };
}
