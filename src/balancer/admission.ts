import type { Cancellation } from '../kernel/cancel.ts';
import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import type { AdmissionSettings } from './settings.ts';

/** How much a new measurement of how long places are held counts. */
const heldWeight = 0.2;

interface Waiter {
  readonly user: string;
  readonly enter: () => void;
  readonly refuse: (fault: Fault) => void;
}

/**
 * Places for so many calls at once, and a short queue for a place: users take turns in it, and who could not be served
 * before the deadline is refused at once. Whoever entered must `leave`.
 */
export class Admission {
  readonly #clock: Clock;
  readonly #settings: AdmissionSettings;
  /** Who waits, by user; the first user of the map is next. */
  readonly #queues = new Map<string, Waiter[]>();
  #waiting = 0;
  #inside = 0;
  /** How long a place is held, on average; milliseconds. */
  #heldMs = 0;

  constructor(clock: Clock, settings: AdmissionSettings) {
    this.#clock = clock;
    this.#settings = settings;
  }

  get hasRoom(): boolean {
    return this.#inside < this.#settings.maxConcurrent;
  }

  get inside(): number {
    return this.#inside;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Takes a place. Undefined: at once. Else a promise of one, rejected with QUEUE_FULL or the call's cancellation.
   * @param deadline monotonic milliseconds, undefined for none
   */
  enter(user: string, deadline: number | undefined, cancellation: Cancellation): Promise<void> | undefined {
    if (this.hasRoom) {
      this.#inside++;
      return undefined;
    }
    const left = (deadline ?? Number.POSITIVE_INFINITY) - this.#clock.now();
    const patience = Math.min(this.#settings.maxQueueMs, left);
    if (this.#expectedMs(user) > patience || !this.#makeRoom(user)) return Promise.reject(this.#full());
    return this.#wait(user, patience, cancellation);
  }

  /** Gives a place back that was held for `heldMs`. */
  leave(heldMs: number): void {
    this.#heldMs = this.#heldMs === 0 ? heldMs : this.#heldMs + (heldMs - this.#heldMs) * heldWeight;
    const next = this.#next();
    if (next === undefined) this.#inside--;
    else next.enter();
  }

  #wait(user: string, patience: number, cancellation: Cancellation): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        this.#remove(waiter);
        stopTimer();
        stopListening();
      };
      const waiter: Waiter = {
        user,
        enter: () => {
          settle();
          resolve();
        },
        refuse: (fault) => {
          settle();
          reject(fault);
        },
      };
      const queue = this.#queues.get(user);
      if (queue === undefined) this.#queues.set(user, [waiter]);
      else queue.push(waiter);
      this.#waiting++;
      const stopTimer = this.#clock.after(patience, () => waiter.refuse(this.#full()));
      const stopListening = cancellation.onCancel(waiter.refuse);
    });
  }

  /** The first waiter of the user whose turn it is; the user goes to the end of the round. */
  #next(): Waiter | undefined {
    for (const [user, queue] of this.#queues) {
      const [waiter] = queue;
      this.#queues.delete(user);
      if (waiter === undefined) continue;
      this.#queues.set(user, queue);
      return waiter;
    }
    return undefined;
  }

  #remove(waiter: Waiter): void {
    const queue = this.#queues.get(waiter.user);
    const at = queue?.indexOf(waiter) ?? -1;
    if (queue === undefined || at < 0) return;
    queue.splice(at, 1);
    this.#waiting--;
    if (queue.length === 0) this.#queues.delete(waiter.user);
  }

  /** In a full queue a user with fewer in line takes the place of the last one of whoever has most. */
  #makeRoom(user: string): boolean {
    if (this.#waiting < this.#settings.maxQueue) return true;
    let longest: Waiter[] = [];
    for (const queue of this.#queues.values()) if (queue.length > longest.length) longest = queue;
    if (longest.length <= (this.#queues.get(user)?.length ?? 0) + 1) return false;
    longest.at(-1)?.refuse(this.#full());
    return true;
  }

  /** How long a newcomer would wait: all who come before them in the rounds of users, at the usual pace. */
  #expectedMs(user: string): number {
    const rounds = (this.#queues.get(user)?.length ?? 0) + 1;
    let ahead = 0;
    for (const [other, queue] of this.#queues) ahead += Math.min(queue.length, other === user ? rounds - 1 : rounds);
    return (this.#heldMs * (ahead + 1)) / this.#settings.maxConcurrent;
  }

  #full(): Fault {
    const { maxConcurrent } = this.#settings;
    const retryAfterMs = Math.max(100, Math.ceil((this.#heldMs * (this.#waiting + 1)) / maxConcurrent));
    return new Fault('QUEUE_FULL', 'too many calls are under way; no place is free in time', { retryAfterMs });
  }
}
