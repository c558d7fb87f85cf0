import type { Fault } from '../../kernel/fault.ts';
import type { Calls } from '../calls.ts';
import type { Patience } from '../patience.ts';
import type { RpcStatus } from '../status.ts';

/** What is waited for, and what becomes of it when it takes too long. */
export interface Awaited {
  /** The request takes too long to arrive. */
  late(): void;
  /** The caller does not read. */
  abandon(): void;
}

/** What all exchanges of a lane share. */
export interface Surroundings {
  readonly calls: Calls;
  readonly maxRequestBytes: number;
  readonly statusOf: (fault: Fault) => RpcStatus;
  /** Requests that still arrive. */
  readonly arriving: Patience<Awaited>;
  /** Answers that the caller does not read. */
  readonly unread: Patience<Awaited>;
  /** The same for calls that were cancelled: their callers get less time. */
  readonly lingering: Patience<Awaited>;
}
