import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate and its key, as PEM, and the files they are in. */
export interface Credentials {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly certFile: string;
  readonly keyFile: string;
}

/** Makes self-signed certificates in a folder of its own. */
export interface Certificates {
  /** `altNames` as OpenSSL writes them: `DNS:localhost,URI:spiffe://example.org/alice`. */
  selfSigned(name: string, altNames: string, days?: number): Credentials;
  remove(): void;
}

export function certificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'llm-bridge-certificates-'));
  return {
    selfSigned(name, altNames, days = 2) {
      const [keyFile, certFile] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
      const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', String(days)];
      const subject = ['-subj', `/O=Example/CN=${name}`, '-addext', `subjectAltName=${altNames}`];
      execFileSync('openssl', ['req', '-x509', ...curve, ...subject, '-keyout', keyFile, '-out', certFile], {
        stdio: 'ignore',
      });
      return { cert: readFileSync(certFile), key: readFileSync(keyFile), certFile, keyFile };
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}
