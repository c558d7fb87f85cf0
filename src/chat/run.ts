import type { Balancer } from '../balancer/balancer.ts';
import { isReady, type Lane, select, soonest } from '../balancer/lane.ts';
import type { CallTraits, Candidate } from '../balancer/policy.ts';
import type { Call } from '../kernel/call.ts';
import { Fault } from '../kernel/fault.ts';
import { pause } from '../kernel/pause.ts';
import { lastWord, mayMoveOn } from './failures.ts';
import { Past } from './past.ts';
import { race } from './race.ts';
import { Failed, type Shot } from './shot.ts';

/** What may follow a failed attempt: nothing, another by the rules, another target, or the same one at once. */
export type Sequel = 'end' | 'on' | 'elsewhere' | 'again';

/** How a call's attempts are made, and what their failures mean to it. */
export interface Course<T> {
  /** Sends a request to a target. Throws the Fault of a request that can't be put into its dialect. */
  shoot(candidate: Candidate, key: number): Shot<T>;
  after(fault: Fault, candidate: Candidate): Sequel;
}

/** How long a call that waits for a `Retry-After` waits beyond it at most, so that not all come back at once. */
const spreadMs = 100;
/** How often a call waits for targets that were all limited when it came. */
const mostWaits = 2;

/** The attempts of one call over the targets of its lane, one after another, until one answers or none may. */
export class Run<T> {
  readonly #balancer: Balancer;
  readonly #lane: Lane;
  readonly #call: Call;
  readonly #traits: CallTraits;
  readonly #course: Course<T>;
  readonly #user: string;
  #first: Candidate | undefined;
  /** Set once there is more to remember than the first target. */
  #past: Past | undefined;
  /** Backoffs and waits so far. */
  #pauses = 0;
  #hedged = false;

  constructor(balancer: Balancer, lane: Lane, call: Call, traits: CallTraits, course: Course<T>) {
    this.#balancer = balancer;
    this.#lane = lane;
    this.#call = call;
    this.#traits = traits;
    this.#course = course;
    this.#user = call.principal.user || call.address;
  }

  async serve(): Promise<T> {
    const { clock } = this.#balancer;
    const { admission } = this.#lane;
    const place = admission.enter(this.#user, this.#call.deadline, this.#call.cancellation);
    if (place !== undefined) await this.#queued('route', place);
    const enteredAt = clock.now();
    try {
      return await this.#attempts();
    } finally {
      admission.leave(clock.now() - enteredAt);
    }
  }

  async #attempts(): Promise<T> {
    let candidate = select(this.#lane, this.#traits) ?? (await this.#await());
    for (;;) {
      this.#call.cancellation.throwIfCancelled();
      try {
        return await this.#attempt(candidate);
      } catch (thrown) {
        const failed = thrown instanceof Failed ? thrown : new Failed(candidate, Fault.from(thrown));
        candidate = await this.#after(failed);
      }
    }
  }

  async #attempt(candidate: Candidate): Promise<T> {
    const place = candidate.admission.enter(this.#user, this.#call.deadline, this.#call.cancellation);
    if (place !== undefined) await this.#queued('provider', place);
    const shot = this.#shoot(candidate);
    const delay = this.#hedged ? Number.POSITIVE_INFINITY : this.#lane.pace.begin();
    if (delay === Number.POSITIVE_INFINITY) return shot.done;
    this.#hedged = true;
    return this.#race(candidate, shot, delay);
  }

  /** Sends the request; the provider's place for it is taken, and given back where it can't be sent. */
  #shoot(candidate: Candidate): Shot<T> {
    const { vitals, admission } = candidate;
    if (this.#first === undefined) {
      this.#first = candidate;
      vitals.budget.call();
    } else {
      const past = this.#memory();
      if (past.triesOf(candidate) === 0) vitals.budget.call();
      past.asks(candidate);
    }
    try {
      return this.#course.shoot(candidate, vitals.takeKey());
    } catch (thrown) {
      admission.leave(0);
      throw thrown;
    }
  }

  /** Asks another target too if nothing meaningful has come after `delay`; the first of both that begins is kept. */
  #race(candidate: Candidate, shot: Shot<T>, delay: number): Promise<T> {
    return race({ candidate, shot }, this.#balancer.clock, delay, {
      second: () => {
        const other = select(this.#lane, this.#traits, new Set([candidate, ...this.#memory().passed]));
        if (other === undefined || !other.admission.hasRoom || !this.#lane.pace.take()) return undefined;
        void other.admission.enter(this.#user, this.#call.deadline, this.#call.cancellation);
        return { candidate: other, shot: this.#shoot(other) };
      },
      failed: (failed) => this.#memory().note(failed, this.#lane),
      over: (won) => this.#balancer.events.hedged(this.#lane.name, won),
    });
  }

  #memory(): Past {
    this.#past ??= new Past(this.#first);
    return this.#past;
  }

  /** The target to ask after one failed. Throws what the caller is told where there is none. */
  async #after(failed: Failed): Promise<Candidate> {
    const { candidate, fault } = failed;
    const sequel = this.#course.after(fault, candidate);
    if (sequel === 'end' || !(sequel === 'again' || mayMoveOn(fault, this.#lane.settings.contextFallback))) throw fault;
    this.#call.cancellation.throwIfCancelled();
    const past = this.#memory();
    past.note(failed, this.#lane);
    if (sequel === 'again') return candidate;
    const other = select(this.#lane, this.#traits, past.passed);
    if (sequel === 'elsewhere' && other !== undefined) return other;
    if (hasFreshKey(failed, past) || (await this.#waitedFor(failed))) return candidate;
    const tier = this.#tierOf(candidate);
    if (other !== undefined && tier.includes(other)) return other;
    const again = await this.#backOff(tier, past);
    const next = again ?? other ?? select(this.#lane, this.#traits, past.passed);
    if (next === undefined) throw lastWord(past.failures, soonest(this.#lane));
    return next;
  }

  /** Waits out a short `Retry-After` where the tier has no other target. */
  async #waitedFor({ candidate, fault: { detail } }: Failed): Promise<boolean> {
    const { max, maxWaitMs } = this.#lane.settings.retry;
    if (detail.blame !== 'limit' || detail.retryAfterMs === undefined || detail.retryAfterMs > maxWaitMs) return false;
    if (this.#tierOf(candidate).length > 1 || this.#pauses >= max) return false;
    const ms = Math.max(detail.retryAfterMs, candidate.vitals.coolingMs) + this.#balancer.chance() * spreadMs;
    if (!this.#fits(ms) || !candidate.vitals.budget.take()) return false;
    await this.#pause(ms);
    return isReady(candidate);
  }

  /** One of a tier's targets whose failure was passing, after a backoff with full jitter; undefined if none may be retried. */
  async #backOff(tier: readonly Candidate[], past: Past): Promise<Candidate | undefined> {
    const { max, backoffMs, maxBackoffMs } = this.#lane.settings.retry;
    let tries = 0;
    for (const candidate of tier) tries += past.triesOf(candidate);
    if (tries > max) return undefined;
    const fewest = tier
      .filter((candidate) => past.mayRetry(candidate) && isReady(candidate))
      .sort((a, b) => past.triesOf(a) - past.triesOf(b))[0];
    if (fewest === undefined) return undefined;
    const ms = this.#balancer.chance() * Math.min(maxBackoffMs, backoffMs * 2 ** this.#pauses);
    if (!this.#fits(ms) || !fewest.vitals.budget.take()) return undefined;
    await this.#pause(ms);
    return isReady(fewest) ? fewest : undefined;
  }

  /** A call that finds nobody to ask waits for a short limit to pass, or is told how long it would take. */
  async #await(): Promise<Candidate> {
    const { maxWaitMs } = this.#lane.settings.retry;
    for (let waits = 0; ; waits++) {
      const wait = soonest(this.#lane);
      const ms = wait.ms + this.#balancer.chance() * spreadMs;
      if (!wait.limited || wait.ms > maxWaitMs || waits === mostWaits || !this.#fits(ms)) throw lastWord([], wait);
      await this.#pause(ms);
      const candidate = select(this.#lane, this.#traits);
      if (candidate !== undefined) return candidate;
    }
  }

  async #queued(scope: 'route' | 'provider', place: Promise<void>): Promise<void> {
    const { clock, events } = this.#balancer;
    const since = clock.now();
    try {
      await place;
      events.queued(scope, clock.now() - since, false);
    } catch (thrown) {
      events.queued(scope, clock.now() - since, true);
      throw thrown;
    }
  }

  #pause(ms: number): Promise<void> {
    this.#pauses++;
    if (ms <= 0) return Promise.resolve();
    return pause(this.#balancer.clock, this.#call, ms);
  }

  /** Whether there is still time after waiting so long. */
  #fits(ms: number): boolean {
    const { deadline } = this.#call;
    return deadline === undefined || this.#balancer.clock.now() + ms < deadline;
  }

  #tierOf(candidate: Candidate): readonly Candidate[] {
    return this.#lane.tiers.find((tier) => tier.includes(candidate)) ?? [];
  }
}

/** Whether another key of the target may be used, of which it has so many. */
function hasFreshKey({ candidate, fault: { detail } }: Failed, past: Past): boolean {
  if (detail.blame !== 'limit' && detail.blame !== 'credential') return false;
  return past.triesOf(candidate) < candidate.vitals.keys && isReady(candidate);
}
