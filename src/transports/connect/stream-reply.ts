import type { Fault } from '../../kernel/fault.ts';
import type { Reply } from '../../kernel/method.ts';

/** Messages that may wait for a slow reader before the method is asked to hold on. */
const highWater = 16;

/** Turns what a streaming method pushes into what Connect pulls. Messages pushed come out before an end or a fault. */
export class StreamReply<O> implements Reply<O>, AsyncIterableIterator<O> {
  readonly #queue: O[] = [];
  readonly #fail: (fault: Fault) => Error;
  #outcome: { readonly fault: Fault | undefined } | undefined;
  #waiting: PromiseWithResolvers<IteratorResult<O>> | undefined;
  #resume: (() => void)[] = [];
  #abandoned = false;

  /** `fail` makes what the reader is rejected with. */
  constructor(fail: (fault: Fault) => Error) {
    this.#fail = fail;
  }

  message(message: O): boolean {
    if (this.#outcome !== undefined || this.#abandoned) return true;
    if (this.#waiting !== undefined) {
      const waiting = this.#waiting;
      this.#waiting = undefined;
      waiting.resolve({ done: false, value: message });
      return true;
    }
    this.#queue.push(message);
    return this.#queue.length < highWater;
  }

  onDrain(resume: () => void): void {
    // A method that asks again and again although nobody reads must not keep the loop from turning.
    if (this.#abandoned) setImmediate(resume);
    else if (this.#queue.length < highWater) queueMicrotask(resume);
    else this.#resume.push(resume);
  }

  /** No message follows; the first end counts. */
  end(fault?: Fault): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = { fault };
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) return;
    if (fault === undefined) waiting.resolve({ done: true, value: undefined });
    else waiting.reject(this.#fail(fault));
  }

  next(): Promise<IteratorResult<O>> {
    const message = this.#queue.shift();
    if (message !== undefined) {
      if (this.#resume.length > 0 && this.#queue.length <= highWater / 2) this.#drained();
      return Promise.resolve({ done: false, value: message });
    }
    if (this.#outcome !== undefined) {
      const { fault } = this.#outcome;
      if (fault !== undefined) return Promise.reject(this.#fail(fault));
      return Promise.resolve({ done: true, value: undefined });
    }
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }

  /** The reader has gone: what waits is dropped, and the method is not held up by it. */
  return(): Promise<IteratorResult<O>> {
    this.#abandoned = true;
    this.#queue.length = 0;
    this.#drained();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #drained(): void {
    const resume = this.#resume;
    this.#resume = [];
    for (const run of resume) run();
  }
}
