import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  QuotaFailureSchema,
  RetryInfoSchema,
} from '../../gen/es/google/rpc/error_details_pb.ts';
import type { Code, Fault } from '../kernel/fault.ts';

/** One message of google.rpc.Status.details. */
export interface StatusDetail {
  readonly desc: DescMessage;
  readonly value: MessageInitShape<DescMessage>;
}

/** A fault as every RPC protocol tells it: google.rpc.Status before it is encoded. */
export interface RpcStatus {
  readonly code: Code;
  readonly message: string;
  readonly details: readonly StatusDetail[];
}

/** What callers are told of a fault: always an ErrorInfo, and what else is known. */
export function statusOf(fault: Fault): RpcStatus {
  const { metadata, violations, quota, retryAfterMs } = fault.detail;
  const details: StatusDetail[] = [
    detail(ErrorInfoSchema, { reason: fault.reason, domain: 'llmbridge', metadata: { ...metadata } }),
  ];
  if (violations) details.push(detail(BadRequestSchema, { fieldViolations: [...violations] }));
  if (quota) details.push(detail(QuotaFailureSchema, { violations: [...quota] }));
  if (retryAfterMs !== undefined) {
    const ms = Math.max(0, Math.round(retryAfterMs));
    const retryDelay = { seconds: BigInt(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1_000_000 };
    details.push(detail(RetryInfoSchema, { retryDelay }));
  }
  return { code: fault.shape.code, message: fault.message, details };
}

const detail = <D extends DescMessage>(desc: D, value: MessageInitShape<D>): StatusDetail => ({ desc, value });
