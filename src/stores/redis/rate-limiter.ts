import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Clock } from '../../kernel/clock.ts';
import type { NonceClaim } from '../../kernel/nonce-claim.ts';
import type { Decision, Demand, RateLimiter, Subject } from '../../kernel/rate-limiter.ts';
import { limitArgs, refusalsOf, settleArgs, slotsOf, standingOf } from './decision-codec.ts';
import { epochScript, renewScript, settleScript, showScript, takeScript } from './limit-scripts.ts';
import { Script } from './script.ts';

export interface RedisRateLimiterOptions {
  readonly redis: Redis;
  /** What every key begins with. */
  readonly prefix: string;
  /** How long a call's place outlives the process that holds it, in milliseconds; it is renewed in time while that lives. */
  readonly leaseMs: number;
  /** Time after a store has lost what it knew in which all claims are refused. */
  readonly epochGuardMs: number;
  readonly clock: Pick<Clock, 'after'>;
}

const take = new Script(takeScript);
const settle = new Script(settleScript);
const renew = new Script(renewScript);
const show = new Script(showScript);
const epoch = new Script(epochScript);

/** Leases renewed by one script, so that the server is never held up. */
const renewedAtOnce = 500;
/** Settlements that wait for the store to be back. */
const mostUnsettled = 100_000;

interface Settlement {
  readonly keys: readonly string[];
  readonly args: readonly (string | number)[];
}

/**
 * Why a server refuses to write, which scripts that settle learn before they have changed anything. In a script's error the
 * word may stand anywhere, by the server's version.
 */
const unwritten = /\b(OOM|READONLY|MISCONF|NOREPLICAS|LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|MOVED|TRYAGAIN)\b/;
const isUnwritten = (thrown: unknown): boolean => thrown instanceof Error && unwritten.test(thrown.message);

/** What an admitted call holds. */
interface Held {
  readonly demand: Demand;
  readonly keys: readonly string[];
  /** Its decision, with the slots that it is counted in. */
  readonly reply: readonly number[];
  /** Keys that its lease is in. */
  readonly places: readonly string[];
}

/** Where a subject stands, as the store has it. */
export interface Shown {
  readonly requests: number;
  readonly requestsResetMs: number;
  readonly tokens: number;
  readonly tokensResetMs: number;
  /** In billionths of a US dollar. */
  readonly cost: number;
  readonly costResetMs: number;
  readonly concurrent: number;
}

/** Counts in Redis: each decision is one script, so that it is all or nothing over every instance. */
export class RedisRateLimiter implements RateLimiter {
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #leaseMs: number;
  readonly #epochGuardMs: number;
  readonly #clock: Pick<Clock, 'after'>;
  /** A process's leases begin with a name of its own. */
  readonly #process = randomUUID();
  #lastLease = 0;
  readonly #held = new Map<number, Held>();
  #unsettled: Settlement[] = [];
  #settlingLate = false;
  #stopRenewing = () => {};

  constructor({ redis, prefix, leaseMs, epochGuardMs, clock }: RedisRateLimiterOptions) {
    this.#redis = redis;
    // All keys of a decision have one hash tag, so that they are in one slot of a cluster.
    this.#prefix = `${prefix}{limits}:`;
    this.#leaseMs = leaseMs;
    this.#epochGuardMs = epochGuardMs;
    this.#clock = clock;
    const load = () => {
      for (const script of [take, settle, renew]) script.load(redis);
    };
    redis.on('ready', load);
    if (redis.status === 'ready') load();
    this.#renewLater();
  }

  /** Begins an epoch where the store has none; tells how long until messages that are issued then are taken, in milliseconds. */
  async beginEpoch(): Promise<number> {
    const [wait = 0] = await epoch.run(this.#redis, [this.#epochKey], [this.#epochGuardMs]);
    return wait;
  }

  async take(demand: Demand): Promise<Decision> {
    const { subjects, tokens, cost, claim } = demand;
    const lease = ++this.#lastLease;
    const keys = this.#keys(subjects);
    const args: (string | number)[] = [tokens, cost, this.#nameOf(lease), this.#leaseMs];
    if (claim === undefined) args.push(-1, -1, -1);
    else args.push(claim.issuedAt, claim.windowMs, this.#epochGuardMs);
    for (const { limits } of subjects) args.push(...limitArgs(limits));
    const reply = await take.run(
      this.#redis,
      claim === undefined ? keys : [...keys, this.#nonceKey(claim), this.#epochKey],
      args,
    );
    if (this.#unsettled.length > 0) void this.#settleLate();
    const [state = 0] = reply;
    if (state < 0) {
      return { lease: undefined, claim: state === -1 ? 'replayed' : 'expired', refusals: [], standings: [] };
    }
    const admitted = state === 1;
    if (admitted) {
      const places = keys.filter((_key, i) => i % 2 === 1 && subjects[(i - 1) / 2]?.limits.concurrent !== undefined);
      this.#held.set(lease, { demand, keys, reply, places });
    }
    return {
      lease: admitted ? lease : undefined,
      claim: undefined,
      refusals: refusalsOf(reply, subjects),
      standings: subjects.map((subject, i) => standingOf(reply, subject, i)),
    };
  }

  settle(lease: number, tokens: number, cost: number): void {
    const held = this.#held.get(lease);
    if (held === undefined) return;
    this.#held.delete(lease);
    const { demand, keys, reply, places } = held;
    const excess = tokens - demand.tokens;
    const excessCost = cost - demand.cost;
    const moot = ({ limits }: Subject) =>
      (excess === 0 || limits.tokens === undefined) && (excessCost === 0 || limits.budget === undefined);
    if (places.length === 0 && demand.subjects.every(moot)) return;
    const args: (string | number)[] = [places.length > 0 ? this.#nameOf(lease) : '', excess, excessCost, 0];
    for (const [i, { limits }] of demand.subjects.entries()) {
      args.push(...settleArgs(limits, ...slotsOf(reply, i)));
    }
    this.#settle({ keys, args });
  }

  /** Counts what was used while the store could not be asked. */
  charge(subject: Subject, requests: number, tokens: number, cost: number): void {
    this.#settle({
      keys: this.#keys([subject]),
      args: ['', tokens, cost, requests, ...settleArgs(subject.limits, 0, 0)],
    });
  }

  /** Writes what is gone at once. */
  async probe(): Promise<void> {
    await this.#redis.set(`${this.#prefix}probe`, '', 'PX', 1);
  }

  /** Where a subject stands. */
  async show(subject: Subject): Promise<Shown> {
    const { requests: calls, tokens: words, budget } = subject.limits;
    const windows = [calls?.windowMs ?? -1, words?.windowMs ?? -1, budget?.windowMs ?? -1];
    const [
      requests = 0,
      requestsResetMs = 0,
      tokens = 0,
      tokensResetMs = 0,
      cost = 0,
      costResetMs = 0,
      concurrent = 0,
    ] = await show.run(this.#redis, this.#keys([subject]), windows);
    return { requests, requestsResetMs, tokens, tokensResetMs, cost, costResetMs, concurrent };
  }

  /** Forgets all that is counted of a subject. */
  async reset(subject: Subject): Promise<void> {
    await this.#redis.del(...this.#keys([subject]));
  }

  /** Stops renewing; what is still held lapses. */
  close(): void {
    this.#stopRenewing();
  }

  get #epochKey(): string {
    return `${this.#prefix}epoch`;
  }

  #nonceKey({ scope, nonce }: NonceClaim): string {
    return `${this.#prefix}nonce:${nonce}:${scope}`;
  }

  #nameOf(lease: number): string {
    return `${this.#process}:${lease}`;
  }

  /** Counts and leases of each. */
  #keys(subjects: readonly Subject[]): string[] {
    const keys: string[] = [];
    for (const { tier, name } of subjects) {
      const key = `${this.#prefix}${tier}:${name}`;
      keys.push(`${key}:counts`, `${key}:leases`);
    }
    return keys;
  }

  /**
   * What could not be sent, or was refused, is kept for later; what was sent and not answered may have been done, and is
   * not done twice.
   */
  #settle(settlement: Settlement): void {
    const keep = () => {
      if (this.#unsettled.length < mostUnsettled) this.#unsettled.push(settlement);
    };
    if (this.#redis.status !== 'ready') {
      keep();
      return;
    }
    settle.run(this.#redis, settlement.keys, settlement.args).catch((thrown: unknown) => {
      if (isUnwritten(thrown)) keep();
    });
  }

  /** The oldest goes first: a server that is full still answers, and would refuse them all each time. */
  async #settleLate(): Promise<void> {
    const [oldest] = this.#unsettled;
    if (oldest === undefined || this.#settlingLate || this.#redis.status !== 'ready') return;
    this.#settlingLate = true;
    try {
      await settle.run(this.#redis, oldest.keys, oldest.args);
    } catch (thrown) {
      if (isUnwritten(thrown)) return;
    } finally {
      this.#settlingLate = false;
    }
    const late = this.#unsettled.slice(1);
    this.#unsettled = [];
    for (const settlement of late) this.#settle(settlement);
  }

  /** In thirds of a lease's life, so that one renewal may fail. */
  #renewLater(): void {
    this.#stopRenewing = this.#clock.after(this.#leaseMs / 3, () => {
      this.#renew();
      this.#renewLater();
    });
  }

  #renew(): void {
    if (this.#redis.status !== 'ready') return;
    let keys: string[] = [];
    let leases: string[] = [];
    const send = () => {
      if (keys.length > 0) renew.run(this.#redis, keys, [this.#leaseMs, ...leases]).catch(() => {});
      keys = [];
      leases = [];
    };
    for (const [lease, { places }] of this.#held) {
      for (const key of places) {
        keys.push(key);
        leases.push(this.#nameOf(lease));
      }
      if (keys.length >= renewedAtOnce) send();
    }
    send();
  }
}
