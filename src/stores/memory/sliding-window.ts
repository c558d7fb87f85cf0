import type { Quota } from '../../kernel/rate-limiter.ts';

/** A window has so many slots; what was counted in a slot is forgotten all at once, a slot's length late at most. */
export const SLOTS = 60;
/** Debt beyond so many windows is forgiven, so that one absurd count can't lock a subject out for good. */
export const MOST_WINDOWS_OF_DEBT = 100;

/**
 * Counts over a time that slides: what was counted at a moment counts for a whole window after it, so that no window,
 * wherever it begins, ever holds more than was allowed. Slots are numbered from the clock's zero. What is used beyond the
 * quota is put into slots of the windows to come, a quota in each: debt is paid in full, at the rate of the quota.
 */
export class SlidingWindow {
  readonly #slotMs: number;
  /** Ascending, each with its count. */
  readonly #slots: number[] = [];
  readonly #counts: number[] = [];
  #sum = 0;

  constructor(windowMs: number) {
    this.#slotMs = windowMs / SLOTS;
  }

  /** What counts now. `prune` first. */
  get used(): number {
    return this.#sum;
  }

  slotAt(now: number): number {
    return Math.floor(now / this.#slotMs);
  }

  /** Forgets what is older than the window. */
  prune(now: number): void {
    const oldest = this.slotAt(now) - SLOTS;
    while (this.#slots.length > 0 && (this.#slots[0] ?? 0) < oldest) {
      this.#slots.shift();
      this.#sum -= this.#counts.shift() ?? 0;
    }
  }

  /** How long until `amount` fits into the quota: 0 for now, infinite for never. `prune` first. */
  wait(now: number, amount: number, { count }: Quota): number {
    if (amount > count) return Number.POSITIVE_INFINITY;
    let excess = this.#sum + amount - count;
    if (excess <= 0) return 0;
    for (const [i, slot] of this.#slots.entries()) {
      excess -= this.#counts[i] ?? 0;
      if (excess <= 0) return this.#endOf(slot) - now;
    }
    return Number.POSITIVE_INFINITY;
  }

  /** How long until nothing counts. */
  reset(now: number): number {
    const last = this.#slots.at(-1);
    return last === undefined || this.#sum === 0 ? 0 : Math.max(0, this.#endOf(last) - now);
  }

  add(slot: number, amount: number): void {
    if (amount <= 0) return;
    this.#sum += amount;
    let i = this.#slots.length;
    while (i > 0 && (this.#slots[i - 1] ?? 0) > slot) i--;
    if (i > 0 && this.#slots[i - 1] === slot) this.#counts[i - 1] = (this.#counts[i - 1] ?? 0) + amount;
    else {
      this.#slots.splice(i, 0, slot);
      this.#counts.splice(i, 0, amount);
    }
  }

  /** Takes back what was counted in a slot, if it still counts. */
  refund(slot: number, amount: number): void {
    const i = this.#slots.lastIndexOf(slot);
    if (i < 0) return;
    const taken = Math.min(amount, this.#counts[i] ?? 0);
    this.#counts[i] = (this.#counts[i] ?? 0) - taken;
    this.#sum -= taken;
  }

  /** Counts what was used without asking; what the quota has no room for is debt. `prune` first. */
  charge(now: number, amount: number, { count }: Quota): void {
    const slot = this.slotAt(now);
    const fits = Math.min(amount, Math.max(0, count - this.#sum));
    this.add(slot, fits);
    let debt = amount - fits;
    const furthest = slot + MOST_WINDOWS_OF_DEBT * (SLOTS + 1);
    let last = Math.max(slot, this.#slots.at(-1) ?? slot);
    if (debt > 0 && last > slot) {
      const topped = Math.min(debt, Math.max(0, count - (this.#counts.at(-1) ?? 0)));
      this.add(last, topped);
      debt -= topped;
    }
    while (debt > 0 && last + SLOTS + 1 <= furthest) {
      last += SLOTS + 1;
      const part = Math.min(debt, count);
      this.add(last, part);
      debt -= part;
    }
  }

  /** When what was counted in a slot is forgotten. */
  #endOf(slot: number): number {
    return (slot + SLOTS + 1) * this.#slotMs;
  }
}
