import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import type { LimitEvents, OutageMode, StoreFailure } from '../kernel/limit-events.ts';
import type { Decision, Demand, Limits, Quota, RateLimiter, Refusal, Subject, Tier } from '../kernel/rate-limiter.ts';

/** A limiter over a network, which also takes what was counted without it. */
export interface RemoteRateLimiter extends RateLimiter {
  charge(subject: Subject, requests: number, tokens: number, cost: number): void;
  /** Rejects where nothing can be written, as by a store that is full: refusals need no writing, and say nothing of that. */
  probe(): Promise<unknown>;
}

export interface GuardedRateLimiterOptions {
  readonly store: RemoteRateLimiter;
  /** Counts for the tiers that are `local` while the store is out. */
  readonly local: RateLimiter;
  /** Longest wait for the store, in milliseconds. */
  readonly timeoutMs: number;
  readonly onOutage: Readonly<Record<Tier, OutageMode>>;
  /** Calls with a claim: refused, or let in by what `local` alone remembers, so that a replay may be taken once more. */
  readonly onClaimOutage: 'closed' | 'open';
  /** How many instances share the limits: each has its part of them on its own. */
  readonly instances: number;
  readonly clock: Pick<Clock, 'now' | 'after'>;
  readonly events: LimitEvents;
}

/** So many failures in a row, and the store is left alone for a while; then one call tries it. */
export const failuresToOpen = 3;
const restMs = 500;
const retryHintMs = 1_000;
/** Subjects whose local counts are handed over afterwards; beyond, they are let go. */
const mostCharged = 100_000;

/** What a subject used while the store was out. */
interface Charge {
  readonly subject: Subject;
  requests: number;
  tokens: number;
  cost: number;
}

/** Whether a call that one instance's part never has room for may fit once the store is back. */
function fitsTheWhole(
  { subject: { tier, name }, measure, waitMs }: Refusal,
  { subjects, tokens, cost }: Demand,
): boolean {
  if (waitMs !== Number.POSITIVE_INFINITY) return false;
  const limits = subjects.find((subject) => subject.tier === tier && subject.name === name)?.limits;
  const needed = measure === 'tokens' ? tokens : measure === 'budget' ? cost : 1;
  return measure !== 'concurrent' && needed <= (limits?.[measure]?.count ?? 0);
}

const unavailable = (what: string, metadata: Readonly<Record<string, string>>) =>
  new Fault('ADMISSION_UNAVAILABLE', `${what} cannot be checked at present`, { retryAfterMs: retryHintMs, metadata });

/**
 * Asks a store for as long as that answers in time. While it does not, each tier does what is declared for it, and no call
 * waits; what was counted meanwhile is handed over when the store is back.
 */
export class GuardedRateLimiter implements RateLimiter {
  readonly #options: GuardedRateLimiterOptions;
  readonly #shares = new WeakMap<Limits, Limits>();
  /** Subjects of the calls that were let in without the store, by their leases, which are below 0. */
  readonly #without = new Map<number, readonly Subject[]>();
  #charges = new Map<string, Charge>();
  #failures = 0;
  #out = false;
  /** When the store may be tried again, while it is out. */
  #restsUntil = 0;

  constructor(options: GuardedRateLimiterOptions) {
    this.#options = options;
  }

  /** Whether the store is left alone. */
  get out(): boolean {
    return this.#out;
  }

  take(demand: Demand): Decision | Promise<Decision> {
    const { clock } = this.#options;
    if (this.#out) {
      const now = clock.now();
      if (now < this.#restsUntil) return this.#decide(demand);
      // This call tries it; the others need not wait for what comes of that.
      this.#restsUntil = now + restMs;
    }
    return this.#ask(demand);
  }

  /** Asks the store for nothing, so that it is known how it fares though no calls come. */
  async check(): Promise<void> {
    const { lease } = await this.#ask({ subjects: [], tokens: 0, cost: 0 }, true);
    if (lease !== undefined) this.settle(lease, 0, 0);
  }

  #ask(demand: Demand, trial = this.#out): Promise<Decision> {
    const { store, clock, timeoutMs, events } = this.#options;
    const from = clock.now();
    return new Promise((resolve, reject) => {
      let waiting = true;
      let wentOn = false;
      const end = () => {
        waiting = false;
        events.storeWaited(clock.now() - from);
      };
      const giveUp = (why: StoreFailure) => {
        end();
        this.#failed(why);
        try {
          const decision = this.#decide(demand);
          wentOn = decision.lease !== undefined;
          resolve(decision);
        } catch (thrown) {
          reject(thrown);
        }
      };
      // After a long turn of our own, answers may be there unread when the timer comes: they are read first.
      const stop = clock.after(timeoutMs, () => setImmediate(() => waiting && giveUp('timeout')));
      Promise.resolve(trial ? this.#try(demand) : store.take(demand)).then(
        (decision) => {
          // Nobody waits for it any more: the call went on without, and holds nothing of this. One that is late each time
          // is no better than one that is silent, but another call may try it.
          if (!waiting) {
            this.#restsUntil = 0;
            if (decision.lease === undefined) return;
            store.settle(decision.lease, 0, 0);
            // But for its request, which stays counted there.
            if (wentOn) for (const subject of demand.subjects) this.#charge(subject, -1, 0, 0);
            return;
          }
          if (trial || decision.lease !== undefined) this.#answered();
          end();
          stop();
          resolve(decision);
        },
        () => {
          if (!waiting) return;
          stop();
          giveUp('error');
        },
      );
    });
  }

  /** A decision by a store that takes what is written. */
  async #try(demand: Demand): Promise<Decision> {
    const { store } = this.#options;
    const [decided, probed] = await Promise.allSettled([store.take(demand), store.probe()]);
    if (decided.status === 'rejected') throw decided.reason;
    if (probed.status === 'fulfilled') return decided.value;
    if (decided.value.lease !== undefined) store.settle(decided.value.lease, 0, 0);
    throw probed.reason;
  }

  #failed(why: StoreFailure): void {
    const { clock, events } = this.#options;
    events.storeFailed(why);
    this.#failures++;
    if (this.#failures < failuresToOpen) return;
    this.#restsUntil = clock.now() + restMs;
    if (this.#out) return;
    this.#out = true;
    events.storeOut(true);
  }

  #answered(): void {
    this.#failures = 0;
    if (this.#out) {
      this.#out = false;
      this.#options.events.storeOut(false);
    }
    if (this.#charges.size === 0) return;
    const charges = this.#charges;
    this.#charges = new Map();
    for (const { subject, requests, tokens, cost } of charges.values())
      this.#options.store.charge(subject, requests, tokens, cost);
  }

  settle(lease: number, tokens: number, cost: number): void {
    const { store, local } = this.#options;
    if (lease >= 0) {
      store.settle(lease, tokens, cost);
      return;
    }
    const subjects = this.#without.get(lease);
    if (subjects === undefined) return;
    this.#without.delete(lease);
    local.settle(-lease, tokens, cost);
    for (const subject of subjects) {
      const words = subject.limits.tokens === undefined ? 0 : tokens;
      const price = subject.limits.budget === undefined ? 0 : cost;
      if (words === 0 && price === 0) continue;
      if (this.#failures > 0) this.#charge(subject, 0, words, price);
      else store.charge(subject, 0, words, price);
    }
  }

  /** Decides without the store. Throws ADMISSION_UNAVAILABLE where a tier, or a call with a claim, is refused then. */
  #decide(demand: Demand): Decision {
    const { subjects, claim } = demand;
    let { tokens, cost } = demand;
    const { onOutage, onClaimOutage, events, local } = this.#options;
    if (claim !== undefined && onClaimOutage === 'closed') throw unavailable('replays', {});
    const counted: Subject[] = [];
    for (const subject of subjects) {
      const mode = onOutage[subject.tier];
      events.fellBack(subject.tier, mode);
      if (mode === 'closed') throw unavailable('limits', { tier: subject.tier });
      if (mode !== 'local') continue;
      const part = this.#share(subject.limits);
      counted.push({ ...subject, limits: part });
      if (demand.guessed !== true) continue;
      tokens = Math.min(tokens, part.tokens?.count ?? tokens);
      cost = Math.min(cost, part.budget?.count ?? cost);
    }
    const decision = local.take({ subjects: counted, tokens, cost, claim });
    if (decision instanceof Promise) throw new Error('local counts are at hand');
    const { lease } = decision;
    if (lease === undefined) {
      const refusals = decision.refusals.map((refusal) =>
        fitsTheWhole(refusal, demand) ? { ...refusal, waitMs: retryHintMs } : refusal,
      );
      return { ...decision, refusals };
    }
    for (const subject of subjects) this.#charge(subject, 1, 0, 0);
    this.#without.set(-lease, subjects);
    return { ...decision, lease: -lease };
  }

  #charge(subject: Subject, requests: number, tokens: number, cost: number): void {
    const key = `${subject.tier}:${subject.name}`;
    const charge = this.#charges.get(key);
    if (charge !== undefined) {
      charge.requests += requests;
      charge.tokens += tokens;
      charge.cost += cost;
    } else if (this.#charges.size < mostCharged) this.#charges.set(key, { subject, requests, tokens, cost });
  }

  /** This instance's part of the limits: rounded down, but one at least where there is any. */
  #share(limits: Limits): Limits {
    const { instances } = this.#options;
    if (instances === 1) return limits;
    const known = this.#shares.get(limits);
    if (known !== undefined) return known;
    const part = (count: number) => Math.max(Math.min(1, count), Math.floor(count / instances));
    const quota = ({ count, windowMs }: Quota): Quota => ({ count: part(count), windowMs });
    const { requests, burst, tokens, concurrent, budget } = limits;
    const share: Limits = {
      ...(requests && { requests: quota(requests) }),
      ...(burst !== undefined && { burst: part(burst) }),
      ...(tokens && { tokens: quota(tokens) }),
      ...(concurrent !== undefined && { concurrent: part(concurrent) }),
      ...(budget && { budget: quota(budget) }),
    };
    this.#shares.set(limits, share);
    return share;
  }
}
