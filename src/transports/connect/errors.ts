import { Code, ConnectError } from '@connectrpc/connect';
import { Fault, type FaultReason } from '../../kernel/fault.ts';
import type { RpcStatus } from '../status.ts';

/** A fault's status as Connect wants it thrown. */
export function connectErrorOf(fault: Fault, { code, message, details }: RpcStatus): ConnectError {
  const error = new ConnectError(message, codeOf(code), undefined, [...details]);
  error.cause = fault;
  return error;
}

// Both number their codes as gRPC does.
const codeOf = (code: number): Code => code;

/**
 * The fault behind what Connect throws by itself for a request that it cannot read, and for all else. The text is not
 * Connect's: that quotes from the message, which no log may see.
 */
export function faultOf(error: unknown): Fault {
  if (!(error instanceof ConnectError)) return Fault.from(error);
  if (error.cause instanceof Fault) return error.cause;
  const [reason, text] = reasonOf(error);
  return new Fault(reason, text);
}

function reasonOf(error: ConnectError): [FaultReason, string] {
  switch (error.code) {
    case Code.InvalidArgument:
      return ['BODY_INVALID', 'the request could not be read'];
    case Code.Unimplemented:
      return error.rawMessage.startsWith('unknown compression')
        ? ['MEDIA_TYPE_UNSUPPORTED', 'unknown compression']
        : ['BODY_INVALID', 'not exactly one request message'];
    case Code.ResourceExhausted:
      return ['TOO_LARGE', 'the request is too large'];
    case Code.DeadlineExceeded:
      return ['DEADLINE_EXCEEDED', 'the deadline of the call has passed'];
    case Code.Canceled:
    case Code.Aborted:
      return ['CANCELLED', 'the caller went away'];
    case Code.Internal:
      return requestFaults.test(error.rawMessage)
        ? ['BODY_INVALID', 'the request could not be read']
        : ['INTERNAL', 'internal error'];
    default:
      return ['INTERNAL', 'internal error'];
  }
}

/** What Connect reports as internal although the request is to blame. */
const requestFaults = /^(?:parse binary|decompression failed|received compressed envelope)/;

/**
 * Completes an error that Connect raised by itself, before it is encoded: ErrorInfo as for every other fault, and the
 * caller's bad bytes are no internal error. gRPC prescribes INTERNAL for a compressed message without grpc-encoding.
 */
export function completeError(error: ConnectError, fault: Fault, { details }: RpcStatus): void {
  if (error.code === Code.Internal && fault.reason === 'BODY_INVALID' && !error.rawMessage.startsWith('received')) {
    Object.assign(error, { code: Code.InvalidArgument });
  }
  error.details.push(...details);
}
