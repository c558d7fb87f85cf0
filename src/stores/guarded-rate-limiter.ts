import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import type { LimitEvents, OutageMode, StoreFailure } from '../kernel/limit-events.ts';
import type {
  Decision,
  Demand,
  Limits,
  Quota,
  RateLimiter,
  Reservation,
  Subject,
  Tier,
} from '../kernel/rate-limiter.ts';

/** A limiter over a network, which also takes what was counted without it. */
export interface RemoteRateLimiter extends RateLimiter {
  charge(subject: Subject, requests: number, tokens: number): void;
}

export interface GuardedRateLimiterOptions {
  readonly store: RemoteRateLimiter;
  /** Counts for the tiers that are `local` while the store is out. */
  readonly local: RateLimiter;
  /** Longest wait for the store, in milliseconds. */
  readonly timeoutMs: number;
  readonly onOutage: Readonly<Record<Tier, OutageMode>>;
  /** How many instances share the limits: each has its part of them on its own. */
  readonly instances: number;
  readonly clock: Pick<Clock, 'now' | 'after'>;
  readonly events: LimitEvents;
}

/** So many failures in a row, and the store is left alone for a while; then one call tries it. */
const failuresToOpen = 3;
const restMs = 500;
const retryHintMs = 1_000;
/** Subjects whose local counts are handed over afterwards; beyond, they are let go. */
const mostCharged = 100_000;

/** What a subject used while the store was out. */
interface Charge {
  readonly subject: Subject;
  requests: number;
  tokens: number;
}

/**
 * Asks a store for as long as that answers in time. While it does not, each tier does what is declared for it, and no call
 * waits; what was counted meanwhile is handed over when the store is back.
 */
export class GuardedRateLimiter implements RateLimiter {
  readonly #options: GuardedRateLimiterOptions;
  readonly #shares = new WeakMap<Limits, Limits>();
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
      if (now < this.#restsUntil) return this.#without(demand);
      // This call tries it; the others need not wait for what comes of that.
      this.#restsUntil = now + restMs;
    }
    return this.#ask(demand);
  }

  #ask(demand: Demand): Promise<Decision> {
    const { store, clock, timeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      let waiting = true;
      const giveUp = (why: StoreFailure) => {
        waiting = false;
        this.#failed(why);
        try {
          resolve(this.#without(demand));
        } catch (thrown) {
          reject(thrown);
        }
      };
      // After a long turn of our own, answers may be there unread when the timer comes: they are read first.
      const stop = clock.after(timeoutMs, () => setImmediate(() => waiting && giveUp('timeout')));
      Promise.resolve(store.take(demand)).then(
        (decision) => {
          this.#answered();
          // Nobody waits for it any more: the call went on without, and holds nothing of this.
          if (!waiting) {
            decision.reservation?.settle(0);
            return;
          }
          waiting = false;
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
    for (const { subject, requests, tokens } of charges.values()) this.#options.store.charge(subject, requests, tokens);
  }

  /** Decides without the store. Throws ADMISSION_UNAVAILABLE where a tier is closed then. */
  #without({ subjects, tokens }: Demand): Decision {
    const { onOutage, events, local } = this.#options;
    const counted: Subject[] = [];
    for (const subject of subjects) {
      const mode = onOutage[subject.tier];
      events.fellBack(subject.tier, mode);
      if (mode === 'closed') {
        throw new Fault('ADMISSION_UNAVAILABLE', 'limits cannot be checked at present', {
          retryAfterMs: retryHintMs,
          metadata: { tier: subject.tier },
        });
      }
      if (mode === 'local') counted.push({ ...subject, limits: this.#share(subject.limits) });
    }
    const decision = local.take({ subjects: counted, tokens });
    if (decision instanceof Promise) throw new Error('local counts are at hand');
    const { reservation } = decision;
    if (reservation === undefined) return decision;
    for (const subject of subjects) this.#charge(subject, 1, 0);
    return { ...decision, reservation: this.#charging(subjects, reservation) };
  }

  #charging(subjects: readonly Subject[], reservation: Reservation): Reservation {
    let open = true;
    return {
      settle: (tokens) => {
        reservation.settle(tokens);
        if (!open) return;
        open = false;
        for (const subject of subjects) {
          if (subject.limits.tokens === undefined || tokens === 0) continue;
          if (this.#failures > 0) this.#charge(subject, 0, tokens);
          else this.#options.store.charge(subject, 0, tokens);
        }
      },
    };
  }

  #charge(subject: Subject, requests: number, tokens: number): void {
    const key = `${subject.tier}:${subject.name}`;
    const charge = this.#charges.get(key);
    if (charge !== undefined) {
      charge.requests += requests;
      charge.tokens += tokens;
    } else if (this.#charges.size < mostCharged) this.#charges.set(key, { subject, requests, tokens });
  }

  /** This instance's part of the limits: rounded down, but one at least where there is any. */
  #share(limits: Limits): Limits {
    const { instances } = this.#options;
    if (instances === 1) return limits;
    const known = this.#shares.get(limits);
    if (known !== undefined) return known;
    const part = (count: number) => Math.max(Math.min(1, count), Math.floor(count / instances));
    const quota = ({ count, windowMs }: Quota): Quota => ({ count: part(count), windowMs });
    const { requests, burst, tokens, concurrent } = limits;
    const share: Limits = {
      ...(requests && { requests: quota(requests) }),
      ...(burst !== undefined && { burst: part(burst) }),
      ...(tokens && { tokens: quota(tokens) }),
      ...(concurrent !== undefined && { concurrent: part(concurrent) }),
    };
    this.#shares.set(limits, share);
    return share;
  }
}
