import type { Clock } from '../../kernel/clock.ts';
import type {
  Decision,
  Demand,
  Level,
  Limits,
  Quota,
  RateLimiter,
  Refusal,
  Standing,
  Subject,
} from '../../kernel/rate-limiter.ts';
import type { ClaimedNonces } from './claimed-nonces.ts';
import { SlidingWindow } from './sliding-window.ts';

/** What is known of one subject. */
class Account {
  readonly requests: SlidingWindow | undefined;
  readonly tokens: SlidingWindow | undefined;
  readonly budget: SlidingWindow | undefined;
  /** When an even flow would have brought the requests so far; only where there is a burst. */
  pace = 0;
  active = 0;

  constructor({ requests, tokens, budget }: Limits) {
    this.requests = requests && new SlidingWindow(requests.windowMs);
    this.tokens = tokens && new SlidingWindow(tokens.windowMs);
    this.budget = budget && new SlidingWindow(budget.windowMs);
  }

  prune(now: number): void {
    this.requests?.prune(now);
    this.tokens?.prune(now);
    this.budget?.prune(now);
  }

  isIdle(now: number): boolean {
    this.prune(now);
    const { requests, tokens, budget } = this;
    return this.active === 0 && this.pace <= now && !requests?.used && !tokens?.used && !budget?.used;
  }
}

/** A call's part in one subject's counts. */
interface Share {
  readonly account: Account;
  readonly limits: Limits;
  /** Where its tokens are counted, and its price. */
  readonly tokenSlot: number;
  readonly costSlot: number;
}

/** What an admitted call holds. */
interface Held {
  readonly tokens: number;
  readonly cost: number;
  readonly shares: readonly Share[];
}

/** How many accounts a decision looks over, to forget the idle ones. */
const sweptAtOnce = 4;

/** Counts in this process, exactly. What is known of a subject is forgotten once it says nothing any more. */
export class MemoryRateLimiter implements RateLimiter {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #nonces: ClaimedNonces | undefined;
  readonly #accounts = new Map<string, Account>();
  readonly #leases = new Map<number, Held>();
  #lastLease = 0;
  #sweeping: Iterator<[string, Account]> | undefined;

  /** Without `nonces` it takes demands without a claim only. */
  constructor(clock: Pick<Clock, 'now'>, nonces?: ClaimedNonces) {
    this.#clock = clock;
    this.#nonces = nonces;
  }

  /** Subjects that something is known of. */
  get size(): number {
    return this.#accounts.size;
  }

  take({ subjects, tokens, cost, claim }: Demand): Decision {
    if (claim !== undefined) {
      if (this.#nonces === undefined) throw new Error('a claim, and no place for it');
      const refusal = this.#nonces.refusal(claim);
      if (refusal !== undefined) return { lease: undefined, claim: refusal, refusals: [], standings: [] };
    }
    const now = this.#clock.now();
    this.#sweep(now);
    const refusals: Refusal[] = [];
    const accounts: Account[] = [];
    for (const subject of subjects) {
      const account = this.#account(subject);
      account.prune(now);
      accounts.push(account);
      refuse(refusals, subject, account, tokens, cost, now);
    }
    let lease: number | undefined;
    if (refusals.length === 0) {
      lease = ++this.#lastLease;
      const shares = subjects.map((subject, i) => count(subject, accounts[i], tokens, cost, now));
      this.#leases.set(lease, { tokens, cost, shares });
      if (claim !== undefined) this.#nonces?.add(claim);
    }
    const standings = subjects.map((subject, i) => standing(subject, accounts[i], now));
    return { lease, claim: undefined, refusals, standings };
  }

  settle(lease: number, tokens: number, cost: number): void {
    const held = this.#leases.get(lease);
    if (held === undefined) return;
    this.#leases.delete(lease);
    const now = this.#clock.now();
    for (const { account, limits, tokenSlot, costSlot } of held.shares) {
      account.active--;
      if (account.tokens && limits.tokens) correct(account.tokens, limits.tokens, tokenSlot, tokens - held.tokens, now);
      if (account.budget && limits.budget) correct(account.budget, limits.budget, costSlot, cost - held.cost, now);
    }
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

/** Sets right what was reserved in a slot, by what was used beyond it; negative for less. */
function correct(window: SlidingWindow, quota: Quota, slot: number, excess: number, now: number): void {
  window.prune(now);
  if (excess > 0) window.charge(now, excess, quota);
  else window.refund(slot, -excess);
}

/** Tells of every limit of a subject that a call would exceed. */
function refuse(into: Refusal[], subject: Subject, account: Account, tokens: number, cost: number, now: number): void {
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
  if (limits.budget !== undefined) {
    const waitMs = account.budget?.wait(now, cost, limits.budget) ?? 0;
    if (waitMs > 0) into.push({ subject, measure: 'budget', waitMs });
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

function count({ limits }: Subject, account: Account | undefined, tokens: number, cost: number, now: number): Share {
  if (account === undefined) throw new Error('no account');
  account.active++;
  account.requests?.add(account.requests.slotAt(now), 1);
  if (limits.requests !== undefined && limits.burst !== undefined) {
    account.pace = Math.max(now, account.pace) + limits.requests.windowMs / limits.requests.count;
  }
  const tokenSlot = account.tokens?.slotAt(now) ?? 0;
  account.tokens?.add(tokenSlot, tokens);
  const costSlot = account.budget?.slotAt(now) ?? 0;
  account.budget?.add(costSlot, cost);
  return { account, limits, tokenSlot, costSlot };
}

const level = (window: SlidingWindow | undefined, now: number): Level | undefined =>
  window && { used: window.used, resetMs: window.reset(now) };

const standing = (subject: Subject, account: Account | undefined, now: number): Standing => ({
  subject,
  requests: level(account?.requests, now),
  tokens: level(account?.tokens, now),
  budget: level(account?.budget, now),
});
