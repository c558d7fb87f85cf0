import type { Call } from './call.ts';

/** Decides from the headers alone, before a byte of the body is read, who calls and whether they may. */
export interface Gate {
  /** Sets the call's principal, or throws a Fault. */
  authenticate(call: Call): void | Promise<void>;
}
