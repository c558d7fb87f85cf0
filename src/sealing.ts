import { isDeepStrictEqual } from 'node:util';
import type { GatewayConfig } from './config/gateway-config.ts';
import { KeyRing, secretOf } from './crypto/key-ring.ts';
import { createSeals } from './interceptors/seals.ts';
import { createUnseal } from './interceptors/unseal.ts';
import type { Clock } from './kernel/clock.ts';
import type { Interceptor } from './kernel/method.ts';
import type { Seals } from './kernel/seals.ts';
import type { Swappable } from './swap.ts';
import type { GatewayEvents } from './telemetry/gateway-events.ts';

/** Sealed calls, as the configuration has them. */
export interface Sealing extends Swappable {
  /** Undefined where nothing is to be opened. */
  readonly seals: Seals | undefined;
  readonly unseal: Interceptor;
}

type Keys = GatewayConfig['security']['sealing']['keys'];

const ringOf = (keys: Keys): KeyRing =>
  new KeyRing(keys.map(({ secret, ...key }) => ({ ...key, secret: secretOf(secret) })));

/** Half of what 96-bit random nonces are good for under one key (NIST SP 800-38D, section 8.3). */
const halfOfAll = 2 ** 31;

/** `processes`: how many share what comes under a key, each seeing but its part. Throws where a secret is not of 256 bits. */
export function createSealing(
  { mode, keys, window, padding }: GatewayConfig['security']['sealing'],
  processes: number,
  clock: Clock,
  events: Pick<GatewayEvents, 'sealingKeyWorn'>,
): Sealing {
  let current = keys;
  let ring = ringOf(keys);
  const seals = createSeals({
    ring: () => ring,
    windowMs: window,
    clock,
    worn: events.sealingKeyWorn,
    mostMessages: Math.ceil(halfOfAll / processes),
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
  };
}
