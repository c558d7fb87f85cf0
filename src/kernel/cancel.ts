import type { Fault } from './fault.ts';

/**
 * The one cancellation of a call, from the caller's socket or deadline to the provider's socket.
 * A synchronous, cheap stand-in for AbortSignal: listeners run in the tick of `cancel`, once.
 */
export class Cancellation {
  #fault: Fault | undefined;
  #listeners: Set<(fault: Fault) => void> | undefined;

  /** Why the call was cancelled, or undefined while it runs. */
  get fault(): Fault | undefined {
    return this.#fault;
  }

  /** Cancels with the first fault given; later calls do nothing. */
  cancel(fault: Fault): void {
    if (this.#fault !== undefined) return;
    this.#fault = fault;
    const listeners = this.#listeners;
    this.#listeners = undefined;
    if (listeners) for (const listener of listeners) listener(fault);
  }

  /** Runs `listener` on cancel, at once if that has happened. The function returned takes it back. */
  onCancel(listener: (fault: Fault) => void): () => void {
    if (this.#fault !== undefined) {
      listener(this.#fault);
      return () => {};
    }
    this.#listeners ??= new Set();
    const listeners = this.#listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** Throws the fault if the call was cancelled. */
  throwIfCancelled(): void {
    if (this.#fault !== undefined) throw this.#fault;
  }
}
