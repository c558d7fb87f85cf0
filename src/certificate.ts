import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { GatewayConfig } from './config/gateway-config.ts';
import type { Swappable } from './swap.ts';
import type { TlsOptions } from './transports/parts.ts';

type TlsConfig = GatewayConfig['server']['tls'];
type Material = Readonly<Record<'cert' | 'key', Buffer>> & { readonly clientCa?: Buffer };

/** Reads the files of `server.tls`; undefined where the port speaks cleartext. */
export function readTls({ cert, key, client_ca }: TlsConfig): Material | undefined {
  if (cert === undefined || key === undefined) return undefined;
  return {
    cert: readFileSync(cert),
    key: readFileSync(key),
    ...(client_ca !== undefined && { clientCa: readFileSync(client_ca) }),
  };
}

const names = ['cert', 'key', 'clientCa'] as const;
const pathOf = { cert: 'server.tls.cert', key: 'server.tls.key', clientCa: 'server.tls.client_ca' } as const;

/** The last moment of the server's certificate, in Unix seconds. */
const expiryOf = ({ cert }: Material): number => Math.floor(new X509Certificate(cert).validToDate.getTime() / 1000);

/** Throws what OpenSSL says of a certificate and key that don't go together, or are none. */
function check({ cert, key, clientCa }: Material): void {
  const read = <T>(path: string, step: () => T): T => {
    try {
      return step();
    } catch (cause) {
      throw new Error(`${path}: ${(cause as Error).message}`, { cause });
    }
  };
  read(pathOf.cert, () => new X509Certificate(cert));
  read(pathOf.key, () => createSecureContext({ cert, key }));
  if (clientCa !== undefined) read(pathOf.clientCa, () => new X509Certificate(clientCa));
}

/**
 * The server's certificate, its key and the clients' authority: new connections get the new ones. Whether there is TLS, and
 * whether clients are asked for certificates, stays as it was at the start.
 */
export function swappableCertificate(
  start: TlsConfig,
  use: (material: TlsOptions) => void,
  expires: (unixSeconds: number) => void,
): Swappable {
  let current = readTls(start);
  if (current !== undefined) expires(expiryOf(current));
  return {
    paths: Object.values(pathOf),
    prepare({ server: { tls } }) {
      const read = readTls(tls);
      if (read === undefined || current === undefined) {
        const isNew = (read === undefined) !== (current === undefined);
        return { changed: [], pending: isNew ? [pathOf.cert, pathOf.key] : [], commit() {} };
      }
      const { clientCa: authority = current.clientCa, ...own } = read;
      const next: Material = { ...own, ...(authority && current.clientCa && { clientCa: authority }) };
      check(next);
      const before = current;
      return {
        changed: names
          .filter((name) => next[name]?.equals(before[name] ?? Buffer.alloc(0)) === false)
          .map((name) => pathOf[name]),
        pending: (read.clientCa === undefined) === (before.clientCa === undefined) ? [] : [pathOf.clientCa],
        commit() {
          current = next;
          use(next);
          expires(expiryOf(next));
        },
      };
    },
  };
}
