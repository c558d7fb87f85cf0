import type { Clock } from '../../kernel/clock.ts';
import type {
  Decision,
  Demand,
  Level,
  Limits,
  Quota,
  RateLimiter,
  Refusal,
  Reservation,
  Standing,
  Subject,
} from '../../kernel/rate-limiter.ts';
import { SlidingWindow } from './sliding-window.ts';

/** What is known of one subject. */
class Account {
  readonly requests: SlidingWindow | undefined;
  readonly tokens: SlidingWindow | undefined;
  /** When an even flow would have brought the requests so far; only where there is a burst. */
  pace = 0;
  active = 0;

  constructor({ requests, tokens }: Limits) {
    this.requests = requests && new SlidingWindow(requests.windowMs);
    this.tokens = tokens && new SlidingWindow(tokens.windowMs);
  }

  prune(now: number): void {
    this.requests?.prune(now);
    this.tokens?.prune(now);
  }

  isIdle(now: number): boolean {
    this.prune(now);
    return this.active === 0 && this.pace <= now && !this.requests?.used && !this.tokens?.used;
  }
}

/** A call's part in one subject's counts. */
interface Share {
  readonly account: Account;
  readonly quota: Quota | undefined;
  /** Where its tokens are counted. */
  readonly slot: number;
}

class MemoryReservation implements Reservation {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #reserved: number;
  #shares: readonly Share[] | undefined;

  constructor(clock: Pick<Clock, 'now'>, reserved: number, shares: readonly Share[]) {
    this.#clock = clock;
    this.#reserved = reserved;
    this.#shares = shares;
  }

  settle(tokens: number): void {
    const shares = this.#shares;
    this.#shares = undefined;
    if (shares === undefined) return;
    const now = this.#clock.now();
    const excess = tokens - this.#reserved;
    for (const { account, quota, slot } of shares) {
      account.active--;
      if (account.tokens === undefined || quota === undefined) continue;
      account.tokens.prune(now);
      if (excess > 0) account.tokens.charge(now, excess, quota);
      else account.tokens.refund(slot, -excess);
    }
  }
}

/** How many accounts a decision looks over, to forget the idle ones. */
const sweptAtOnce = 4;

/** Counts in this process, exactly. What is known of a subject is forgotten once it says nothing any more. */
export class MemoryRateLimiter implements RateLimiter {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #accounts = new Map<string, Account>();
  #sweeping: Iterator<[string, Account]> | undefined;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** Subjects that something is known of. */
  get size(): number {
    return this.#accounts.size;
  }

  take({ subjects, tokens }: Demand): Decision {
    const now = this.#clock.now();
    this.#sweep(now);
    const refusals: Refusal[] = [];
    const accounts: Account[] = [];
    for (const subject of subjects) {
      const account = this.#account(subject);
      account.prune(now);
      accounts.push(account);
      refuse(refusals, subject, account, tokens, now);
    }
    const shares =
      refusals.length > 0 ? undefined : subjects.map((subject, i) => count(subject, accounts[i], tokens, now));
    return {
      reservation: shares && new MemoryReservation(this.#clock, tokens, shares),
      refusals,
      standings: subjects.map((subject, i) => standing(subject, accounts[i], now)),
    };
  }

  #account({ tier, name, limits }: Subject): Account {
    const key = `${tier}:${name}`;
    let account = this.#accounts.get(key);
    if (account === undefined) {
      account = new Account(limits);
      this.#accounts.set(key, account);
    }
    return account;
  }

  #sweep(now: number): void {
    this.#sweeping ??= this.#accounts.entries();
    for (let i = 0; i < sweptAtOnce; i++) {
      const { done, value } = this.#sweeping.next();
      if (done === true) {
        this.#sweeping = undefined;
        return;
      }
      if (value[1].isIdle(now)) this.#accounts.delete(value[0]);
    }
  }
}

/** Tells of every limit of a subject that a call would exceed. */
function refuse(into: Refusal[], subject: Subject, account: Account, tokens: number, now: number): void {
  const { limits } = subject;
  if (limits.requests !== undefined) {
    const window = account.requests?.wait(now, 1, limits.requests) ?? 0;
    const flow = limits.burst === undefined ? 0 : paceWait(account, limits.requests, limits.burst, now);
    const waitMs = Math.max(window, flow);
    if (waitMs > 0) into.push({ subject, measure: 'requests', waitMs });
  }
  if (limits.tokens !== undefined) {
    const waitMs = account.tokens?.wait(now, tokens, limits.tokens) ?? 0;
    if (waitMs > 0) into.push({ subject, measure: 'tokens', waitMs });
  }
  if (limits.concurrent !== undefined && account.active >= limits.concurrent) {
    into.push({ subject, measure: 'concurrent', waitMs: undefined });
  }
}

/** Sums of floating-point intervals are off by less, and a wait of less is none. */
const hair = 1e-6;

/** How long until a request is within `burst` of an even flow. */
function paceWait({ pace }: Account, { count: quota, windowMs }: Quota, burst: number, now: number): number {
  const ahead = pace - now - ((burst - 1) * windowMs) / quota;
  return ahead > hair ? ahead : 0;
}

function count({ limits }: Subject, account: Account | undefined, tokens: number, now: number): Share {
  if (account === undefined) throw new Error('no account');
  account.active++;
  account.requests?.add(account.requests.slotAt(now), 1);
  if (limits.requests !== undefined && limits.burst !== undefined) {
    account.pace = Math.max(now, account.pace) + limits.requests.windowMs / limits.requests.count;
  }
  const slot = account.tokens?.slotAt(now) ?? 0;
  account.tokens?.add(slot, tokens);
  return { account, quota: limits.tokens, slot };
}

const level = (window: SlidingWindow | undefined, now: number): Level | undefined =>
  window && { used: window.used, resetMs: window.reset(now) };

const standing = (subject: Subject, account: Account | undefined, now: number): Standing => ({
  subject,
  requests: level(account?.requests, now),
  tokens: level(account?.tokens, now),
});
