import { isDeepStrictEqual } from 'node:util';
import type { GatewayConfig } from './config/gateway-config.ts';
import { KeyRing, parseSecret } from './crypto/key-ring.ts';
import { createSeals } from './interceptors/seals.ts';
import { createUnseal } from './interceptors/unseal.ts';
import type { Clock } from './kernel/clock.ts';
import type { Interceptor } from './kernel/method.ts';
import type { Seals } from './kernel/seals.ts';
import { MemoryReplayGuard } from './stores/memory/replay-guard.ts';
import type { Swappable } from './swap.ts';
import type { GatewayEvents } from './telemetry/gateway-events.ts';

/** Sealed calls, as the configuration has them. */
export interface Sealing extends Swappable {
  /** Undefined where nothing is to be opened. */
  readonly seals: Seals | undefined;
  readonly unseal: Interceptor;
  /** Resolves when sealed calls are taken: what was issued before could have been taken by the process before this one. */
  begun(): Promise<void>;
}

type Keys = GatewayConfig['security']['sealing']['keys'];

const ringOf = (keys: Keys): KeyRing =>
  new KeyRing(
    keys.map(({ id, secret, state, user }) => ({ id, secret: parseSecret(secret) ?? Buffer.alloc(0), state, user })),
  );

/** Throws where a secret is not of 256 bits. */
export function createSealing(
  { mode, keys, window, epoch_guard, padding }: GatewayConfig['security']['sealing'],
  clock: Clock,
  events: Pick<GatewayEvents, 'sealingKeyWorn'>,
): Sealing {
  let current = keys;
  let ring = ringOf(keys);
  const guard = new MemoryReplayGuard({ windowMs: window, epochGuardMs: epoch_guard, clock });
  const seals = createSeals({
    ring: () => ring,
    guard,
    clock,
    worn: events.sealingKeyWorn,
    padding: padding === 'off' ? undefined : padding,
  });
  return {
    seals: mode === 'off' ? undefined : seals,
    unseal: createUnseal({ mode, seals }),
    paths: ['security.sealing.keys'],
    prepare({ security }) {
      const next = security.sealing.keys;
      const nextRing = ringOf(next);
      return {
        changed: isDeepStrictEqual(next, current) ? [] : ['security.sealing.keys'],
        pending: [],
        commit() {
          current = next;
          ring = nextRing;
        },
      };
    },
    begun() {
      const wait = guard.epoch - clock.wall();
      if (mode === 'off' || keys.length === 0 || wait <= 0) return Promise.resolve();
      return new Promise((resolve) => {
        // The clock's timers keep no process alive, and before its port is open nothing else does.
        const alive = setInterval(() => {}, wait);
        clock.after(wait, () => {
          clearInterval(alive);
          resolve();
        });
      });
    },
  };
}
