import type { Call } from '../../kernel/call.ts';
import { Fault } from '../../kernel/fault.ts';
import type { ChatChunk } from '../../kernel/messages.ts';
import type { Reply } from '../../kernel/method.ts';
import type { Flight, Seat } from './flight.ts';

/** Waits for a flight's answer. Rejects with the flight's fault, or with the call's own cancellation at once. */
export class WaitingSeat implements Seat {
  readonly call: Call;
  readonly done: Promise<void>;
  readonly at: number | undefined = undefined;
  readonly blocked: boolean = false;
  protected readonly flight: Flight;
  readonly #settle: PromiseWithResolvers<void>;
  #stopListening = () => {};
  #left = false;

  constructor(flight: Flight, call: Call) {
    this.flight = flight;
    this.call = call;
    this.#settle = Promise.withResolvers();
    this.done = this.#settle.promise;
  }

  /** Takes part. */
  sit(): void {
    this.flight.join(this);
    this.#stopListening = this.call.cancellation.onCancel((fault) => {
      this.#left = true;
      this.flight.leave(this, fault);
      this.#settle.reject(fault);
    });
    this.wake();
  }

  /** Whether it has had anything yet. */
  get begun(): boolean {
    return false;
  }

  get left(): boolean {
    return this.#left;
  }

  wake(): void {
    if (!this.flight.over || this.#left) return;
    this.#stopListening();
    const { fault } = this.flight;
    if (fault === undefined) this.#settle.resolve();
    else this.#settle.reject(fault);
  }
}

/** Follows a flight's chunks as they come, at the pace of its caller. */
export class LiveSeat extends WaitingSeat {
  override at = 0;
  override blocked = false;
  readonly #reply: Reply<ChatChunk>;
  readonly #first: () => void;
  readonly #own: (last: ChatChunk) => ChatChunk;
  #begun = false;

  /** `first` runs before the first chunk; `own` makes the last chunk the caller's, report and all. */
  constructor(
    flight: Flight,
    call: Call,
    reply: Reply<ChatChunk>,
    first: () => void,
    own: (last: ChatChunk) => ChatChunk,
  ) {
    super(flight, call);
    this.#reply = reply;
    this.#first = first;
    this.#own = own;
  }

  override get begun(): boolean {
    return this.#begun;
  }

  override wake(): void {
    if (this.blocked || this.left) return;
    try {
      while (this.at < this.flight.length) {
        const chunk = this.flight.chunkAt(this.at++);
        if (!this.#begun) {
          this.#begun = true;
          this.#first();
        }
        if (this.#reply.message(chunk.report === undefined ? chunk : this.#own(chunk))) continue;
        this.blocked = true;
        this.#reply.onDrain(this.#unblock);
        return;
      }
    } catch (thrown) {
      // What one caller's transport fails by is no other caller's business.
      this.call.cancellation.cancel(Fault.from(thrown));
      return;
    }
    super.wake();
  }

  readonly #unblock = (): void => {
    this.blocked = false;
    this.wake();
    if (!this.blocked) this.flight.drained();
  };
}
