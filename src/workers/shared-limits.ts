import { Fault } from '../kernel/fault.ts';
import type { Demand, RateLimiter } from '../kernel/rate-limiter.ts';
import type { AnsweredDemand, LimitsBatch, SentDemand } from './messages.ts';

/** One worker's part in the limits that the primary process keeps for all of them. */
export class SharedLimits {
  readonly #limiter: RateLimiter;
  readonly #answer: (answers: readonly AnsweredDemand[]) => void;
  /** What its calls under way reserved, by lease. */
  readonly #leases = new Map<number, Demand>();
  #gone = false;

  constructor(limiter: RateLimiter, answer: (answers: readonly AnsweredDemand[]) => void) {
    this.#limiter = limiter;
    this.#answer = answer;
  }

  async heard({ demands, settlements }: LimitsBatch): Promise<void> {
    for (const { lease, tokens, cost } of settlements) {
      this.#leases.delete(lease);
      this.#limiter.settle(lease, tokens, cost);
    }
    if (demands.length > 0) this.#answer(await Promise.all(demands.map((sent) => this.#decide(sent))));
  }

  /** The worker ended: the places of its calls are free, and they are taken to have used what they reserved. */
  close(): void {
    this.#gone = true;
    for (const [lease, { tokens, cost }] of this.#leases) this.#limiter.settle(lease, tokens, cost);
    this.#leases.clear();
  }

  async #decide({ id, demand }: SentDemand): Promise<AnsweredDemand> {
    try {
      const decision = await this.#limiter.take(demand);
      const { lease } = decision;
      if (lease !== undefined && this.#gone) this.#limiter.settle(lease, demand.tokens, demand.cost);
      else if (lease !== undefined) this.#leases.set(lease, demand);
      return { id, decision };
    } catch (thrown) {
      const { reason, message, detail } = Fault.from(thrown);
      const { cause: _, ...plain } = detail;
      return { id, reason, message, detail: plain };
    }
  }
}
