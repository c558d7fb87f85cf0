import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import {
  type ChannelCredentials,
  type ClientOptions,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { ErrorInfo } from '../../gen/ts-proto/google/rpc/error_details.ts';
import { Status } from '../../gen/ts-proto/google/rpc/status.ts';
import { Exit, UsageError } from './verb.ts';

/** Options that every verb with a gateway to talk to takes. */
export const channelOptions = {
  address: { type: 'string', short: 'a' },
  tls: { type: 'boolean' },
  ca: { type: 'string' },
  header: { type: 'string', short: 'H', multiple: true },
  timeout: { type: 'string' },
} as const;

export const channelUsage = `  -a, --address HOST:PORT   the gateway (127.0.0.1:8080)
      --tls                 use TLS, with the system's authorities
      --ca FILE             use TLS, with the authorities of this PEM file
  -H, --header NAME=VALUE   send metadata; may be repeated
      --timeout SECONDS     give up after so long`;

/** How to reach a gateway: what a grpc-js client is made of. */
export interface Channel {
  readonly address: string;
  readonly credentials: ChannelCredentials;
  readonly options: ClientOptions;
}

/** Server names in TLS are names (RFC 6066, section 3): for an address, the certificate alone is checked against it. */
function tlsChannel(address: string, roots: Buffer | null, verify: boolean): Channel {
  const host = address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  const byAddress = isIP(host) !== 0;
  return {
    address,
    credentials: credentials.createSsl(roots, null, null, {
      rejectUnauthorized: verify,
      ...(byAddress && { checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate) }),
    }),
    options: byAddress ? { 'grpc.ssl_target_name_override': 'localhost' } : {},
  };
}

/** A gateway by `--address`, `--tls` and `--ca`. */
export function channelTo(address: string, tls: boolean | undefined, ca: string | undefined): Channel {
  if (ca === undefined && tls !== true) return { address, credentials: credentials.createInsecure(), options: {} };
  let roots: Buffer | null = null;
  try {
    if (ca !== undefined) roots = readFileSync(ca);
    return tlsChannel(address, roots, true);
  } catch (cause) {
    throw new UsageError(`cannot use ${ca}: ${(cause as Error).message}`);
  }
}

/** This machine's own gateway: its certificate names it for the world, and loopback needs no proof. */
export const channelToSelf = (address: string, tls: boolean): Channel =>
  tls ? tlsChannel(address, null, false) : channelTo(address, false, undefined);

/** `--header name=value` (or `name: value`) as metadata. */
export function metadataOf(headers: readonly string[]): Metadata {
  const metadata = new Metadata();
  for (const header of headers) {
    const match = /^([0-9A-Za-z._-]+)\s*[=:]\s*(.*)$/s.exec(header);
    if (match?.[1] === undefined) throw new UsageError(`--header must be NAME=VALUE, not '${header}'`);
    try {
      metadata.add(match[1], match[2] ?? '');
    } catch (cause) {
      throw new UsageError(`--header ${match[1]}: ${(cause as Error).message}`);
    }
  }
  return metadata;
}

/** A failed call for people: the code's name, the gateway's reason and its text. */
export function describeError(error: ServiceError): string {
  const [bytes] = error.metadata?.get('grpc-status-details-bin') ?? [];
  const rich = bytes instanceof Buffer ? Status.decode(bytes) : undefined;
  const info = rich?.details.find(({ typeUrl }) => typeUrl.endsWith('/google.rpc.ErrorInfo'));
  const reason = info === undefined ? '' : ` ${ErrorInfo.decode(info.value).reason}`;
  // grpc-js leaves some escapes of the header's text in place; the details carry it as it is.
  return `${status[error.code] ?? error.code}${reason}: ${rich?.message || error.details}`;
}

/** The exit code that tells a script what went wrong. */
export const exitCodeOf = (error: ServiceError): number =>
  error.code === status.UNAVAILABLE ? Exit.UNAVAILABLE : Exit.FAILED;
