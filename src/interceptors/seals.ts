import type { SealedPayload } from '../../gen/es/llmbridge/v1/sealed_pb.ts';
import type { KeyRing } from '../crypto/key-ring.ts';
import { type Padding, pad } from '../crypto/padding.ts';
import { openRequest } from '../crypto/seal.ts';
import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import type { CallClaim, ClaimRefusal } from '../kernel/nonce-claim.ts';
import type { Seals } from '../kernel/seals.ts';

export interface SealsOptions {
  /** Asked anew for each call, so that it may be swapped. */
  readonly ring: () => KeyRing;
  /** How old a message may be, in milliseconds. */
  readonly windowMs: number;
  readonly clock: Pick<Clock, 'wall'>;
  /** Told once of a key that so many messages came under that its nonces, being random, may soon repeat. */
  readonly worn: (keyId: string) => void;
  /** How many are that. */
  readonly mostMessages: number;
  /** What messages of replies are filled up to; as they are where not set. */
  readonly padding?: Padding | undefined;
}

const invalid = () => new Fault('SEAL_INVALID', 'the sealed message is not valid');
const refusal = (why: ClaimRefusal): Fault =>
  why === 'expired'
    ? new Fault('SEAL_EXPIRED', 'the sealed message is too old, or dated ahead of its time')
    : new Fault('SEAL_REPLAYED', 'the sealed message was received before');

/** What a message that verified claims: its nonce, once under its key. */
function claimOf({ keyId, nonce, issuedAt }: SealedPayload, windowMs: number): CallClaim {
  const text = Buffer.from(nonce.buffer, nonce.byteOffset, nonce.length).toString('base64url');
  return { claim: { scope: `seal:${keyId}`, nonce: text, issuedAt, windowMs }, refusal };
}

/** Opens sealed requests: they verify first, and only then have a nonce to claim. */
export function createSeals({ ring, windowMs, clock, worn, mostMessages, padding }: SealsOptions): Seals {
  // Of keys that verified, so callers can't add to it.
  const messages = new Map<string, number>();

  const count = (keyId: string): void => {
    const sum = (messages.get(keyId) ?? 0) + 1;
    messages.set(keyId, sum);
    if (sum === mostMessages) worn(keyId);
  };

  return {
    async open(call, sealed, method) {
      const opened = openRequest(ring(), sealed, method, call.principal.user);
      if (opened === undefined) throw invalid();
      count(sealed.keyId);
      call.sealedBy = sealed.keyId;
      call.claim = claimOf(sealed, windowMs);
      const { plaintext, reply } = opened;
      const form = call.protocol === 'http' ? 'json' : 'binary';
      return {
        plaintext,
        seal(message, last) {
          // The empty message behind a stream says no more than its mark does, and that stands in the clear.
          const isMark = last && message.length === 0;
          const filled = padding === undefined || isMark ? message : pad(message, form, padding);
          return reply.seal(filled, Math.floor(clock.wall() / 1000), last);
        },
      };
    },
  };
}
