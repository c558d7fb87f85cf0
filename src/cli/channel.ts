import { readFileSync } from 'node:fs';
import { type ChannelCredentials, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
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

/** `--tls` and `--ca` as grpc-js wants them. */
export function channelCredentials(tls: boolean | undefined, ca: string | undefined): ChannelCredentials {
  if (ca === undefined) return tls === true ? credentials.createSsl() : credentials.createInsecure();
  try {
    return credentials.createSsl(readFileSync(ca));
  } catch (cause) {
    throw new UsageError(`cannot use ${ca}: ${(cause as Error).message}`);
  }
}

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
