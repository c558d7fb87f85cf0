import { isDeepStrictEqual } from 'node:util';
import type { GatewayConfig } from './config/gateway-config.ts';
import { secretOf } from './crypto/key-ring.ts';
import { createRequestSignatures } from './interceptors/request-signature.ts';
import { SigningKeys } from './interceptors/signing-keys.ts';
import type { Interceptor } from './kernel/method.ts';
import type { Swappable } from './swap.ts';

/** Signed calls, as the configuration has them. */
export interface RequestSigning extends Swappable {
  /** None where signatures don't count. */
  readonly interceptors: readonly Interceptor[];
}

type Keys = GatewayConfig['security']['request_signing']['keys'];

const keysOf = (keys: Keys): SigningKeys =>
  new SigningKeys(keys.map(({ secret, ...key }) => ({ ...key, secret: secretOf(secret) })));

export function createRequestSigning({
  mode,
  window,
  keys,
}: GatewayConfig['security']['request_signing']): RequestSigning {
  let configured = keys;
  let current = keysOf(keys);
  return {
    interceptors: mode === 'off' ? [] : [createRequestSignatures({ mode, keys: () => current, windowMs: window })],
    paths: ['security.request_signing.keys'],
    prepare({ security }) {
      const next = security.request_signing.keys;
      const nextKeys = keysOf(next);
      return {
        changed: isDeepStrictEqual(next, configured) ? [] : ['security.request_signing.keys'],
        pending: [],
        commit() {
          configured = next;
          current = nextKeys;
        },
      };
    },
  };
}
