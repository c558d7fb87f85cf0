import type { UpstreamFailure } from '../kernel/upstream.ts';

/** A connection as the list of idle ones sees it. */
export interface Pooled {
  /** Monotonic milliseconds at which it was made. */
  readonly since: number;
  /** Monotonic milliseconds until which it may be idle. */
  readonly idleUntil: number;
  /** Waits for a request; set and cleared by the pool. */
  idle: boolean;
  /** Closed, or never to be used again. */
  readonly lost: boolean;
  /** Closes the socket now, connected or not; `closed` hears when it is. */
  destroy(closed?: () => void): void;
  /** Idle for a while: it shall not keep the process alive. */
  doze(): void;
}

/** A request that a connection carries. */
export interface Passenger<C> {
  /** Ended, failed or cancelled. */
  readonly done: boolean;
  start(connection: C): void;
  /** Ends one that never got a connection. */
  fail(kind: UpstreamFailure, cause: unknown): void;
}

export interface PoolOptions<C> {
  /** Connections at once; requests beyond it wait in line. */
  readonly max: number;
  /** After so many milliseconds a connection takes no new request. */
  readonly ageMs: number;
  open(): C;
}

const SWEEP_MS = 1_000;

/**
 * The connections of one origin. Idle ones stand in a free list, last in first out, so that finding one costs the
 * same with one or ten thousand of them, and those not needed grow old at its bottom.
 */
export class ConnectionPool<C extends Pooled> {
  readonly #options: PoolOptions<C>;
  #free: C[] = [];
  #busy = 0;
  #waiting: Passenger<C>[] = [];
  #sweeping = false;
  #closed = false;
  readonly #drained = Promise.withResolvers<void>();

  constructor(options: PoolOptions<C>) {
    this.#options = options;
  }

  admit(passenger: Passenger<C>): void {
    if (this.#closed) queueMicrotask(() => passenger.fail('connect', new Error('the client is closed')));
    else if (this.#busy >= this.#options.max) this.#waiting.push(passenger);
    else this.#start(passenger);
  }

  /** Another connection for one whose own was lost before anything was sent on it. */
  replace(): C {
    return this.#take();
  }

  /** Takes a connection back; `reusable` is false for one that was given up. */
  release(connection: C, reusable: boolean): void {
    this.#busy--;
    if (this.#closed || !reusable || connection.lost) connection.destroy();
    else {
      connection.idle = true;
      this.#free.push(connection);
      if (!this.#sweeping) this.#sweepLater();
    }
    if (this.#waiting.length > 0) {
      const next = this.#nextWaiting();
      if (next !== undefined) this.#start(next);
    }
    if (this.#busy === 0 && this.#closed) this.#drained.resolve();
  }

  /** Lets running exchanges finish and fails waiting ones. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const connection of this.#free.splice(0)) connection.destroy();
    for (const passenger of this.#waiting.splice(0)) passenger.fail('connect', new Error('the client is closed'));
    if (this.#busy > 0) await this.#drained.promise;
  }

  #start(passenger: Passenger<C>): void {
    let connection: C;
    try {
      connection = this.#take();
    } catch (cause) {
      // Options of TLS that make no sense, a certificate that is none.
      queueMicrotask(() => passenger.fail('connect', cause));
      return;
    }
    this.#busy++;
    passenger.start(connection);
  }

  #take(): C {
    const now = performance.now();
    for (let connection = this.#free.pop(); connection !== undefined; connection = this.#free.pop()) {
      connection.idle = false;
      if (connection.lost) continue;
      if (this.#isFresh(connection, now)) return connection;
      connection.destroy();
    }
    return this.#options.open();
  }

  #isFresh({ since, idleUntil }: C, now: number): boolean {
    return now - since < this.#options.ageMs && now < idleUntil;
  }

  /** Those cancelled in line are passed over. */
  #nextWaiting(): Passenger<C> | undefined {
    let next = this.#waiting.shift();
    while (next?.done) next = this.#waiting.shift();
    return next;
  }

  #sweepLater(): void {
    this.#sweeping = true;
    setTimeout(this.#sweep, SWEEP_MS).unref();
  }

  /** Drops what was idle too long, or closed meanwhile. */
  readonly #sweep = (): void => {
    const now = performance.now();
    this.#free = this.#free.filter((connection) => {
      if (connection.lost) return false;
      const fresh = this.#isFresh(connection, now);
      if (fresh) connection.doze();
      else connection.destroy();
      return fresh;
    });
    this.#sweeping = false;
    if (this.#free.length > 0) this.#sweepLater();
  };
}
