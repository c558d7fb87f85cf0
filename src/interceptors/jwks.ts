import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey, type LocalJWKSet } from 'jose';
import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';

/** Where an issuer's keys are, and how often it may be asked. Durations in milliseconds. */
export interface JwksOptions {
  readonly url: string;
  /** The least time between two requests, whatever tokens come and however the requests end. */
  readonly cooldownMs: number;
  /** Keys older than this are fetched anew; the old ones serve meanwhile. */
  readonly maxAgeMs: number;
  readonly clock: Pick<Clock, 'now'>;
  /** Told of each request that brought no keys. */
  readonly failed: (thrown: unknown) => void;
}

/** Keys that could not be renewed for so long are no longer believed: among them may be one that was taken back. */
const staleMs = 24 * 60 * 60 * 1000;
const timeoutMs = 5_000;

const unavailable = () => new Fault('ADMISSION_UNAVAILABLE', "the token issuer's keys can't be had at present");

/**
 * Finds the key of a token in a JSON Web Key Set (RFC 7517) behind a URL. The set is kept; a key that is not in it has it
 * fetched anew, so that issuers may rotate theirs. Throws ADMISSION_UNAVAILABLE while there is no set at all.
 */
export function createJwks({ url, cooldownMs, maxAgeMs, clock, failed }: JwksOptions): JWTVerifyGetKey {
  let keys: LocalJWKSet | undefined;
  let fetchedAt = 0;
  let askedAt = Number.NEGATIVE_INFINITY;
  let pending: Promise<void> | undefined;

  const fetchKeys = async (): Promise<void> => {
    try {
      const response = await fetch(url, {
        headers: { accept: 'application/jwk-set+json, application/json' },
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      });
      if (response.status !== 200) throw new Error(`status ${response.status}`);
      keys = createLocalJWKSet((await response.json()) as JSONWebKeySet);
      fetchedAt = clock.now();
    } catch (thrown) {
      failed(thrown);
    } finally {
      pending = undefined;
    }
  };

  /** Asks for the set unless that was done lately; those who come meanwhile share one request. */
  const renew = (): Promise<void> | undefined => {
    if (pending === undefined && clock.now() - askedAt >= cooldownMs) {
      askedAt = clock.now();
      pending = fetchKeys();
    }
    return pending;
  };

  return async (header, token) => {
    if (keys === undefined || clock.now() - fetchedAt > staleMs) {
      await renew();
      if (keys === undefined || clock.now() - fetchedAt > staleMs) throw unavailable();
    } else if (clock.now() - fetchedAt > maxAgeMs) void renew();
    try {
      return await keys(header, token);
    } catch (thrown) {
      if (!(thrown instanceof errors.JWKSNoMatchingKey)) throw thrown;
      const renewal = renew();
      if (renewal === undefined) throw thrown;
      await renewal;
      return keys(header, token);
    }
  };
}
