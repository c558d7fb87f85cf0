import { Fault } from '../kernel/fault.ts';
import type { Reply } from '../kernel/method.ts';

/** Keeps the one message of a unary method. */
export class UnaryReply<O> implements Reply<O> {
  #value: O | undefined;

  message(message: O): boolean {
    this.#value = message;
    return true;
  }

  onDrain(resume: () => void): void {
    resume();
  }

  /** The message; INTERNAL if the method gave none. */
  take(): O {
    if (this.#value === undefined) throw new Fault('INTERNAL', 'internal error', { cause: 'no message in the reply' });
    return this.#value;
  }
}
