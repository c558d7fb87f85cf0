import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Clock } from '../../kernel/clock.ts';
import type {
  Decision,
  Demand,
  Limits,
  Measure,
  RateLimiter,
  Refusal,
  Reservation,
  Standing,
  Subject,
} from '../../kernel/rate-limiter.ts';
import { renewScript, settleScript, showScript, takeScript } from './limit-scripts.ts';
import { Script } from './script.ts';

export interface RedisRateLimiterOptions {
  readonly redis: Redis;
  /** What every key begins with. */
  readonly prefix: string;
  /** How long a call's place outlives the process that holds it, in milliseconds; it is renewed in time while that lives. */
  readonly leaseMs: number;
  readonly clock: Pick<Clock, 'after'>;
}

const take = new Script(takeScript);
const settle = new Script(settleScript);
const renew = new Script(renewScript);
const show = new Script(showScript);

const measures: readonly Measure[] = ['requests', 'tokens', 'concurrent'];
const fieldsOfSubject = 5;
/** Leases renewed by one script, so that the server is never held up. */
const renewedAtOnce = 500;
/** Settlements that wait for the store to be back. */
const mostUnsettled = 100_000;

/** A subject's limits as the script takes them. */
const limitArgs = ({ requests, burst, tokens, concurrent }: Limits): number[] => [
  requests?.count ?? -1,
  requests?.windowMs ?? -1,
  burst ?? -1,
  tokens?.count ?? -1,
  tokens?.windowMs ?? -1,
  concurrent ?? -1,
];

interface Settlement {
  readonly keys: readonly string[];
  readonly args: readonly (string | number)[];
}

/** Where a user stands, as the store has it. */
export interface Shown {
  readonly requests: number;
  readonly requestsResetMs: number;
  readonly tokens: number;
  readonly tokensResetMs: number;
  readonly concurrent: number;
}

/** Counts in Redis: each decision is one script, so that it is all or nothing over every instance. */
export class RedisRateLimiter implements RateLimiter {
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #leaseMs: number;
  readonly #clock: Pick<Clock, 'after'>;
  /** A process's leases begin with a name of its own. */
  readonly #process = randomUUID();
  #lastLease = 0;
  /** Keys that each lease of this process is in. */
  readonly #leases = new Map<string, readonly string[]>();
  #unsettled: Settlement[] = [];
  #stopRenewing = () => {};

  constructor({ redis, prefix, leaseMs, clock }: RedisRateLimiterOptions) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#leaseMs = leaseMs;
    this.#clock = clock;
    const load = () => {
      for (const script of [take, settle, renew]) script.load(redis);
    };
    redis.on('ready', load);
    if (redis.status === 'ready') load();
    this.#renewLater();
  }

  async take({ subjects, tokens }: Demand): Promise<Decision> {
    this.#lastLease++;
    const lease = `${this.#process}:${this.#lastLease}`;
    const keys = this.#keys(subjects);
    const args: (string | number)[] = [tokens, lease, this.#leaseMs];
    for (const { limits } of subjects) args.push(...limitArgs(limits));
    const reply = await take.run(this.#redis, keys, args);
    if (this.#unsettled.length > 0) this.#settleLate();
    return this.#decision(reply, subjects, tokens, lease, keys);
  }

  /** Counts what was used while the store could not be asked. */
  charge(subject: Subject, requests: number, tokens: number): void {
    this.#settle({ keys: this.#keys([subject]), args: ['', tokens, requests, ...settleArgs(subject, 0)] });
  }

  /** Where a subject stands. */
  async show({ limits, ...subject }: Subject): Promise<Shown> {
    const keys = this.#keys([{ ...subject, limits }]);
    const windows = [limits.requests?.windowMs ?? -1, limits.tokens?.windowMs ?? -1];
    const [requests = 0, requestsResetMs = 0, tokens = 0, tokensResetMs = 0, concurrent = 0] = await show.run(
      this.#redis,
      keys,
      windows,
    );
    return { requests, requestsResetMs, tokens, tokensResetMs, concurrent };
  }

  /** Forgets all that is counted of a subject. */
  async reset(subject: Subject): Promise<void> {
    await this.#redis.del(...this.#keys([subject]));
  }

  /** Stops renewing; what is still held lapses. */
  close(): void {
    this.#stopRenewing();
  }

  /** Counts and leases of each; all in one slot of a cluster, by their hash tag. */
  #keys(subjects: readonly Subject[]): string[] {
    const keys: string[] = [];
    for (const { tier, name } of subjects) {
      const key = `${this.#prefix}{limits}:${tier}:${name}`;
      keys.push(`${key}:counts`, `${key}:leases`);
    }
    return keys;
  }

  #decision(
    reply: readonly number[],
    subjects: readonly Subject[],
    tokens: number,
    lease: string,
    keys: readonly string[],
  ): Decision {
    const standings = subjects.map((subject, i): Standing => {
      const [requests = -1, requestsReset = 0, used = -1, tokensReset = 0] = reply.slice(1 + i * fieldsOfSubject);
      return {
        subject,
        requests: requests < 0 ? undefined : { used: requests, resetMs: requestsReset },
        tokens: used < 0 ? undefined : { used, resetMs: tokensReset },
      };
    });
    if (reply[0] === 1) {
      const held = keys.filter((_key, i) => i % 2 === 1 && subjects[(i - 1) / 2]?.limits.concurrent !== undefined);
      if (held.length > 0) this.#leases.set(lease, held);
      const slots = subjects.map((_subject, i) => reply[5 + i * fieldsOfSubject] ?? 0);
      return { reservation: this.#reservation(subjects, slots, tokens, lease, keys), refusals: [], standings };
    }
    const refusals: Refusal[] = [];
    for (let at = 1 + subjects.length * fieldsOfSubject; at < reply.length; at += 3) {
      const [index = 0, which = 1, wait = 0] = reply.slice(at);
      const subject = subjects[index - 1];
      const measure = measures[which - 1];
      if (subject === undefined || measure === undefined) continue;
      const waitMs = measure === 'concurrent' ? undefined : wait < 0 ? Number.POSITIVE_INFINITY : wait;
      refusals.push({ subject, measure, waitMs });
    }
    return { reservation: undefined, refusals, standings };
  }

  #reservation(
    subjects: readonly Subject[],
    slots: readonly number[],
    reserved: number,
    lease: string,
    keys: readonly string[],
  ): Reservation {
    let open = true;
    return {
      settle: (tokens) => {
        if (!open) return;
        open = false;
        const held = this.#leases.delete(lease);
        const excess = tokens - reserved;
        if (!held && (excess === 0 || subjects.every(({ limits }) => limits.tokens === undefined))) return;
        const args: (string | number)[] = [held ? lease : '', excess, 0];
        for (const [i, subject] of subjects.entries()) args.push(...settleArgs(subject, slots[i] ?? 0));
        this.#settle({ keys, args });
      },
    };
  }

  /** What could not be sent is kept for later; what was sent and not answered may have been done, and is not done twice. */
  #settle(settlement: Settlement): void {
    if (this.#redis.status !== 'ready') {
      if (this.#unsettled.length < mostUnsettled) this.#unsettled.push(settlement);
      return;
    }
    settle.run(this.#redis, settlement.keys, settlement.args).catch(() => {});
  }

  #settleLate(): void {
    const late = this.#unsettled;
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
    for (const [lease, held] of this.#leases) {
      for (const key of held) {
        keys.push(key);
        leases.push(lease);
      }
      if (keys.length >= renewedAtOnce) send();
    }
    send();
  }
}

const settleArgs = ({ limits }: Subject, slot: number): number[] => [
  slot,
  limits.tokens?.count ?? -1,
  limits.tokens?.windowMs ?? -1,
  limits.requests?.windowMs ?? -1,
];
