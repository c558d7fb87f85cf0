import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { type ClaimRefusal, MOST_AHEAD_S, type NonceClaim } from '../../kernel/nonce-claim.ts';

export interface ClaimedNoncesOptions {
  /**
   * Time after the start in which messages that were issued before its end are refused: those that the process before
   * took, though they were dated ahead of their time, cannot be told from new ones.
   */
  readonly epochGuardMs: number;
  /** Nonces remembered at once; beyond, no claim is taken. Default: a million. */
  readonly capacity?: number;
  readonly clock: Pick<Clock, 'wall'>;
}

const million = 1_000_000;

/**
 * Remembers nonces in this process, exactly, for as long as their messages could be sent again. What the process before it
 * had taken it can't know, so it refuses all that was issued before its own epoch: the first whole second after its start.
 */
export class ClaimedNonces {
  readonly #clock: Pick<Clock, 'wall'>;
  readonly #capacity: number;
  readonly #earliest: number;
  readonly #claimed = new Set<string>();
  /** Nonces by the second in which their messages begin to be too old. */
  readonly #bySecond = new Map<number, string[]>();
  #sweptAt = 0;
  /** The last second whose nonces are forgotten: a clock that is set back must not bring their messages back. */
  #forgotten = 0;

  /** When messages begin to be taken, in milliseconds since the Unix epoch: before it, all would be refused. */
  readonly epoch: number;

  constructor({ epochGuardMs, capacity = million, clock }: ClaimedNoncesOptions) {
    this.#clock = clock;
    this.#capacity = capacity;
    this.epoch = Math.ceil(clock.wall() / 1000) * 1000;
    this.#earliest = Math.ceil((this.epoch + epochGuardMs) / 1000);
  }

  /** Why a claim would be refused, undefined where it would be the first. Throws ADMISSION_UNAVAILABLE when full. */
  refusal(claim: NonceClaim): ClaimRefusal | undefined {
    const { issuedAt, windowMs } = claim;
    const now = this.#clock.wall() / 1000;
    if (issuedAt < this.#earliest || issuedAt < now - windowMs / 1000 || issuedAt > now + MOST_AHEAD_S)
      return 'expired';
    if (endOf(claim) <= this.#forgotten) return 'expired';
    if (Math.abs(now - this.#sweptAt) >= 1) this.#sweep(now);
    if (this.#claimed.has(nameOf(claim))) return 'replayed';
    if (this.#claimed.size < this.#capacity) return undefined;
    throw new Fault('ADMISSION_UNAVAILABLE', 'no more calls with a nonce can be remembered at present', {
      retryAfterMs: 1_000,
    });
  }

  /** To be called of a claim that is not refused. */
  add(claim: NonceClaim): void {
    const name = nameOf(claim);
    this.#claimed.add(name);
    const second = endOf(claim);
    const names = this.#bySecond.get(second);
    if (names === undefined) this.#bySecond.set(second, [name]);
    else names.push(name);
  }

  /** Forgets the nonces of messages that are too old to be taken. */
  #sweep(now: number): void {
    this.#sweptAt = now;
    for (const [second, names] of this.#bySecond) {
      if (second >= now) continue;
      for (const name of names) this.#claimed.delete(name);
      this.#bySecond.delete(second);
      this.#forgotten = Math.max(this.#forgotten, second);
    }
  }
}

/** The second in which a message begins to be too old, or the whole one after it. */
const endOf = ({ issuedAt, windowMs }: NonceClaim): number => Math.ceil(issuedAt + windowMs / 1000);

/** No nonce has a line's end in it. */
const nameOf = ({ scope, nonce }: NonceClaim): string => `${nonce}\n${scope}`;
