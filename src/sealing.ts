import type { GatewayConfig } from './config/gateway-config.ts';
import { KeyRing, parseSecret } from './crypto/key-ring.ts';
import { createSeals } from './interceptors/seals.ts';
import { createUnseal } from './interceptors/unseal.ts';
import type { Clock } from './kernel/clock.ts';
import type { Interceptor } from './kernel/method.ts';
import type { Seals } from './kernel/seals.ts';
import { MemoryReplayGuard } from './stores/memory/replay-guard.ts';
import type { GatewayEvents } from './telemetry/gateway-events.ts';

/** Sealed calls, as the configuration has them. */
export interface Sealing {
  /** Undefined where nothing is to be opened. */
  readonly seals: Seals | undefined;
  readonly unseal: Interceptor;
  /** Resolves when sealed calls are taken: what was issued before could have been taken by the process before this one. */
  begun(): Promise<void>;
}

/** Throws where a secret is not of 256 bits. */
export function createSealing(
  { mode, keys, window, epoch_guard, padding }: GatewayConfig['security']['sealing'],
  clock: Clock,
  events: Pick<GatewayEvents, 'sealingKeyWorn'>,
): Sealing {
  const ring = new KeyRing(
    keys.map(({ id, secret, state, user }) => ({ id, secret: parseSecret(secret) ?? Buffer.alloc(0), state, user })),
  );
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
    begun() {
      const wait = guard.epoch - clock.wall();
      if (mode === 'off' || keys.length === 0 || wait <= 0) return Promise.resolve();
      return new Promise((resolve) => void clock.after(wait, resolve));
    },
  };
}
