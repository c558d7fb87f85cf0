import { type ServiceError, status } from '@grpc/grpc-js';
import { BadRequest, ErrorInfo, QuotaFailure, RetryInfo } from '../../gen/ts-proto/google/rpc/error_details.ts';
import { Status } from '../../gen/ts-proto/google/rpc/status.ts';
import type { Failure } from './caller.ts';

/** The google.rpc details of a gRPC status, those that a gateway sends. */
export interface Details {
  info?: ErrorInfo;
  badRequest?: BadRequest;
  quota?: QuotaFailure;
  retry?: RetryInfo;
}

const decoders: Readonly<Record<string, (bytes: Uint8Array) => Details>> = {
  'google.rpc.ErrorInfo': (bytes) => ({ info: ErrorInfo.decode(bytes) }),
  'google.rpc.BadRequest': (bytes) => ({ badRequest: BadRequest.decode(bytes) }),
  'google.rpc.QuotaFailure': (bytes) => ({ quota: QuotaFailure.decode(bytes) }),
  'google.rpc.RetryInfo': (bytes) => ({ retry: RetryInfo.decode(bytes) }),
};

/** Reads `grpc-status-details-bin`. */
export function detailsOf(error: ServiceError): Details {
  const [encoded] = error.metadata.get('grpc-status-details-bin');
  if (!(encoded instanceof Uint8Array)) return {};
  const found: Details = {};
  for (const any of Status.decode(encoded).details) {
    const decode = decoders[any.typeUrl.slice(any.typeUrl.lastIndexOf('/') + 1)];
    if (decode) Object.assign(found, decode(any.value));
  }
  return found;
}

/** A grpc-js error as what every caller reports. */
export function failureOf(error: ServiceError): Failure {
  return {
    code: status[error.code] ?? String(error.code),
    reason: detailsOf(error).info?.reason ?? '',
    message: error.details,
  };
}
