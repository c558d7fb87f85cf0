import { hash, randomBytes } from 'node:crypto';
import type { Call } from '../kernel/call.ts';
import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import type { GateEvents } from '../kernel/gate-events.ts';
import { pause } from '../kernel/pause.ts';
import { networkOf } from './network.ts';

export interface FailedAttemptsOptions {
  /** Wrong credentials that an address may send before it is slowed; one is forgiven each second. */
  readonly free: number;
  /** Milliseconds between two credentials that are judged of a slowed address. */
  readonly intervalMs: number;
  /** How long one may wait for its turn; those beyond are refused unjudged. */
  readonly maxWaitMs: number;
  readonly clock: Clock;
  readonly events: GateEvents;
}

/** What is known of an address that sent a wrong credential. */
interface History {
  /** Wrong credentials that are not forgiven yet, as of `countedAt`. */
  level: number;
  countedAt: number;
  /** When the last of those that wait has its turn. */
  lastTurn: number;
  /** Credentials that proved good since: others behind the same address must not suffer. */
  readonly good: Set<string>;
}

const forgivenMs = 1_000;
/** Wrong credentials beyond the free ones that are held against an address: it is slowed for a minute at most. */
const mostHeld = 60;
const mostAddresses = 10_000;
const mostGood = 32;

/**
 * Makes guessing slow: the credentials of an address that sent many wrong ones are judged one after another, at a pace.
 * Credentials that have proved good from there pass at once. Memory is bounded; the oldest failures are forgotten first.
 */
export class FailedAttempts {
  readonly #options: FailedAttemptsOptions;
  readonly #records = new Map<string, History>();
  readonly #salt = randomBytes(32);

  constructor(options: FailedAttemptsOptions) {
    this.#options = options;
  }

  /** To be awaited before a credential is judged; undefined where it is its turn at once. Throws RATE_LIMITED. */
  turn(call: Call, presented: string): Promise<void> | undefined {
    const record = this.#recordOf(call);
    if (record === undefined) return undefined;
    const { clock, events, free, intervalMs, maxWaitMs } = this.#options;
    const now = clock.now();
    if (levelAt(record, now) < free || record.good.has(this.#digest(presented))) return undefined;
    const turn = Math.max(now, record.lastTurn) + intervalMs;
    if (turn - now > maxWaitMs) {
      events.credentialRefused();
      throw new Fault('RATE_LIMITED', 'too many wrong credentials came from this address', {
        retryAfterMs: turn - now,
        quota: [{ subject: `ip:${networkOf(call.address)}`, description: 'credentials that proved nothing' }],
      });
    }
    record.lastTurn = turn;
    events.credentialSlowed();
    return pause(clock, call, turn - now);
  }

  failed(call: Call): void {
    const { clock, events, free } = this.#options;
    events.credentialFailed();
    const network = networkOf(call.address);
    const now = clock.now();
    const record = this.#records.get(network) ?? { level: 0, countedAt: now, lastTurn: now, good: new Set() };
    record.level = Math.min(levelAt(record, now) + 1, free + mostHeld);
    record.countedAt = now;
    this.#records.delete(network);
    this.#records.set(network, record);
    if (this.#records.size <= mostAddresses) return;
    for (const oldest of this.#records.keys()) {
      this.#records.delete(oldest);
      return;
    }
  }

  succeeded(call: Call, presented: string): void {
    const good = this.#recordOf(call)?.good;
    if (good === undefined) return;
    good.add(this.#digest(presented));
    if (good.size <= mostGood) return;
    for (const oldest of good) {
      good.delete(oldest);
      return;
    }
  }

  /** Nothing, and for nothing, where no address has failed lately. */
  #recordOf(call: Call): History | undefined {
    if (this.#records.size === 0) return undefined;
    const network = networkOf(call.address);
    const record = this.#records.get(network);
    if (record === undefined || levelAt(record, this.#options.clock.now()) > 0) return record;
    this.#records.delete(network);
    return undefined;
  }

  #digest(presented: string): string {
    return hash('sha256', Buffer.concat([this.#salt, Buffer.from(presented)]), 'base64');
  }
}

const levelAt = ({ level, countedAt }: History, now: number): number =>
  Math.max(0, level - Math.floor((now - countedAt) / forgivenMs));
