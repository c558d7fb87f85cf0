import { Fault } from '../kernel/fault.ts';
import type { Decision, Demand, RateLimiter } from '../kernel/rate-limiter.ts';
import type { AnsweredDemand, LimitsBatch, SentDemand, Settlement } from './messages.ts';

/** Has the primary process count, for all workers: what comes up in one turn of the event loop goes there in one message. */
export class RemoteRateLimiter implements RateLimiter {
  readonly #send: (batch: LimitsBatch) => void;
  readonly #waiting = new Map<number, PromiseWithResolvers<Decision>>();
  #demands: SentDemand[] = [];
  #settlements: Settlement[] = [];
  #lastId = 0;

  constructor(send: (batch: LimitsBatch) => void) {
    this.#send = send;
  }

  take(demand: Demand): Promise<Decision> {
    this.#flushLater();
    this.#lastId++;
    const waiting = Promise.withResolvers<Decision>();
    this.#waiting.set(this.#lastId, waiting);
    this.#demands.push({ id: this.#lastId, demand });
    return waiting.promise;
  }

  settle(lease: number, tokens: number, cost: number): void {
    this.#flushLater();
    this.#settlements.push({ lease, tokens, cost });
  }

  answered(answers: readonly AnsweredDemand[]): void {
    for (const answer of answers) {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if ('decision' in answer) waiting?.resolve(answer.decision);
      else waiting?.reject(new Fault(answer.reason, answer.message, answer.detail));
    }
  }

  #flushLater(): void {
    if (this.#demands.length === 0 && this.#settlements.length === 0) setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    const batch = { demands: this.#demands, settlements: this.#settlements };
    this.#demands = [];
    this.#settlements = [];
    this.#send(batch);
  };
}
