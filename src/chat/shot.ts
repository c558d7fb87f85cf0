import type { Candidate } from '../balancer/policy.ts';
import type { Fault } from '../kernel/fault.ts';

/** One attempt under way. */
export interface Shot<T> {
  readonly done: Promise<T>;
  /** Hears when the first meaningful piece has come; a whole answer has none before its end. */
  onBegin: (() => void) | undefined;
  cancel(fault: Fault): void;
}

/** An attempt's failure, and whose it was. */
export class Failed extends Error {
  readonly candidate: Candidate;
  readonly fault: Fault;

  constructor(candidate: Candidate, fault: Fault) {
    super(fault.message, { cause: fault });
    this.candidate = candidate;
    this.fault = fault;
  }
}
