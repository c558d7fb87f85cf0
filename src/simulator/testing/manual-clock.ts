import type { Clock } from '../../kernel/clock.ts';

/** Time that passes only when it is told to. */
export class ManualClock implements Clock {
  #now = 0;
  #timers: { readonly due: number; readonly action: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  wall(): number {
    return 1_780_000_000_000 + this.#now;
  }

  after(ms: number, action: () => void): () => void {
    const timer = { due: this.#now + ms, action };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  }

  get pending(): number {
    return this.#timers.length;
  }

  /** Lets time pass and runs what falls due in it, in order. */
  pass(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const next = this.#timers.filter((timer) => timer.due <= end).sort((a, b) => a.due - b.due)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.due);
      next.action();
    }
    this.#now = end;
  }
}
