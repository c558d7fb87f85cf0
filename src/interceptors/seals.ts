import type { KeyRing } from '../crypto/key-ring.ts';
import { openRequest } from '../crypto/seal.ts';
import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import type { ReplayGuard } from '../kernel/replay-guard.ts';
import type { Seals } from '../kernel/seals.ts';

export interface SealsOptions {
  /** Asked anew for each call, so that it may be swapped. */
  readonly ring: () => KeyRing;
  readonly guard: ReplayGuard;
  readonly clock: Pick<Clock, 'wall'>;
}

const invalid = () => new Fault('SEAL_INVALID', 'the sealed message is not valid');
const expired = () => new Fault('SEAL_EXPIRED', 'the sealed message is too old, or dated ahead of its time');
const replayed = () => new Fault('SEAL_REPLAYED', 'the sealed message was received before');

/** Opens sealed requests: they verify first, and only then is their nonce claimed. */
export const createSeals = ({ ring, guard, clock }: SealsOptions): Seals => ({
  async open(call, sealed, method) {
    const opened = openRequest(ring(), sealed, method, call.principal.user);
    if (opened === undefined) throw invalid();
    const claim = await guard.claim(sealed.keyId, sealed.nonce, sealed.issuedAt);
    if (claim === 'expired') throw expired();
    if (claim === 'replayed') throw replayed();
    call.sealedBy = sealed.keyId;
    const { plaintext, reply } = opened;
    return { plaintext, seal: (message, last) => reply.seal(message, Math.floor(clock.wall() / 1000), last) };
  },
});
