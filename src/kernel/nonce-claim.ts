import type { Fault } from './fault.ts';

/** A message that may be taken once. Plain data: it may have to travel to whoever remembers what was taken. */
export interface NonceClaim {
  /** Whose nonces these are; nonces of two scopes are told apart: `seal:k1`. */
  readonly scope: string;
  /** At most once in its scope, while its message could be sent again. */
  readonly nonce: string;
  /** When the message was issued, in Unix seconds. */
  readonly issuedAt: number;
  /** How old a message may be, by the store's clock. */
  readonly windowMs: number;
}

/** How far ahead of the store's clock a message may be dated, in seconds. */
export const MOST_AHEAD_S = 30;

/** Why a claim is refused: the nonce was claimed before, or its message is too old or too new. */
export type ClaimRefusal = 'replayed' | 'expired';

/** What a call must be the first to claim, together with the limits that it takes. */
export interface CallClaim {
  readonly claim: NonceClaim;
  /** What the caller is told where it is refused. */
  refusal(why: ClaimRefusal): Fault;
}
