import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Claim, ReplayGuard } from '../../kernel/replay-guard.ts';

export interface MemoryReplayGuardOptions {
  /** How old a message may be, in milliseconds. */
  readonly windowMs: number;
  /**
   * Time after the start in which messages that were issued before its end are refused: those that the process before
   * took, though they were dated ahead of their time, cannot be told from new ones.
   */
  readonly epochGuardMs: number;
  /** Nonces remembered at once; beyond, no claim is taken. Default: a million. */
  readonly capacity?: number;
  readonly clock: Pick<Clock, 'wall'>;
}

/** How far ahead of the store's clock a message may be dated, in seconds. */
const AHEAD_S = 30;
const million = 1_000_000;

/**
 * Remembers nonces in this process, exactly, for as long as their messages could be sent again. What the process before it
 * had taken it can't know, so it refuses all that was issued before its own epoch: the first whole second after its start.
 */
export class MemoryReplayGuard implements ReplayGuard {
  readonly #clock: Pick<Clock, 'wall'>;
  readonly #windowS: number;
  readonly #capacity: number;
  readonly #earliest: number;
  readonly #claimed = new Set<string>();
  /** Nonces by the second that their messages were issued in. */
  readonly #bySecond = new Map<number, string[]>();
  #sweptAt = 0;

  /** When messages begin to be taken, in milliseconds since the Unix epoch: before it, all would be refused. */
  readonly epoch: number;

  constructor({ windowMs, epochGuardMs, capacity = million, clock }: MemoryReplayGuardOptions) {
    this.#clock = clock;
    this.#windowS = windowMs / 1000;
    this.#capacity = capacity;
    this.epoch = Math.ceil(clock.wall() / 1000) * 1000;
    this.#earliest = Math.ceil((this.epoch + epochGuardMs) / 1000);
  }

  claim(keyId: string, nonce: Uint8Array, issuedAt: number): Claim {
    const now = this.#clock.wall() / 1000;
    if (issuedAt < this.#earliest || issuedAt < now - this.#windowS || issuedAt > now + AHEAD_S) return 'expired';
    if (now - this.#sweptAt >= 1) this.#sweep(now);
    const name = nameOf(keyId, nonce);
    if (this.#claimed.has(name)) return 'replayed';
    if (this.#claimed.size >= this.#capacity) {
      throw new Fault('ADMISSION_UNAVAILABLE', 'no more sealed calls can be remembered at present', {
        retryAfterMs: 1_000,
      });
    }
    this.#claimed.add(name);
    const second = this.#bySecond.get(issuedAt);
    if (second === undefined) this.#bySecond.set(issuedAt, [name]);
    else second.push(name);
    return 'fresh';
  }

  /** Its name stays among those of its second, and goes with them. */
  release(keyId: string, nonce: Uint8Array): void {
    this.#claimed.delete(nameOf(keyId, nonce));
  }

  /** Forgets the nonces of messages that are too old to be taken. */
  #sweep(now: number): void {
    this.#sweptAt = now;
    for (const [issuedAt, names] of this.#bySecond) {
      if (issuedAt >= now - this.#windowS) continue;
      for (const name of names) this.#claimed.delete(name);
      this.#bySecond.delete(issuedAt);
    }
  }
}

const nameOf = (keyId: string, nonce: Uint8Array): string => `${Buffer.from(nonce).toString('latin1')}${keyId}`;
