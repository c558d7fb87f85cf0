import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Principal } from '../kernel/call.ts';
import type { Clock } from '../kernel/clock.ts';
import type { CredentialSource } from './credential.ts';
import { type GroupModels, inBoth } from './group-models.ts';
import { invalidCredential } from './refusals.ts';

/** A key that callers may present, known by its hash alone. */
export interface ApiKey {
  /** Its public name, for logs. */
  readonly name: string;
  readonly user: string;
  /** SHA-256 of the key, 64 hex digits. */
  readonly sha256: string;
  /** Models it may ask for; undefined for all. */
  readonly models?: readonly string[] | undefined;
  /** Groups that its user is in with it; undefined where nothing tells. */
  readonly groups?: readonly string[] | undefined;
  /** From when on it is refused, in milliseconds since the Unix epoch. */
  readonly expires?: number | undefined;
  readonly disabled: boolean;
  /** Whether chat calls with it must be sealed. */
  readonly mustSeal?: boolean | undefined;
}

interface Entry {
  readonly digest: Buffer;
  readonly principal: Principal;
  /** Infinity for never. */
  readonly expires: number;
  readonly disabled: boolean;
}

/**
 * Knows callers by API keys. A key is found by its hash under a salt that is drawn at each start, so that nothing about
 * the stored hashes can be learned from how long a search takes, however many keys there are.
 */
export function createApiKeys(
  keys: readonly ApiKey[],
  groupModels: GroupModels,
  clock: Pick<Clock, 'wall'>,
): CredentialSource {
  const salt = randomBytes(32);
  const salted = (digest: Buffer) => hash('sha256', Buffer.concat([salt, digest]), 'latin1');
  const entries = new Map<string, Entry>();
  for (const { name, user, sha256, models, groups, expires, disabled, mustSeal } of keys) {
    const digest = Buffer.from(sha256, 'hex');
    const allowed = inBoth(models && new Set(models), groups && groupModels(groups));
    entries.set(salted(digest), {
      digest,
      principal: {
        user,
        method: 'api-key',
        credential: name,
        ...(groups && { groups }),
        ...(allowed && { models: allowed }),
        ...(mustSeal && { mustSeal }),
      },
      expires: expires ?? Number.POSITIVE_INFINITY,
      disabled,
    });
  }

  return {
    identify(_call, presented) {
      if (presented === undefined) return undefined;
      // Node gives a header's bytes as Latin-1.
      const digest = hash('sha256', Buffer.from(presented, 'latin1'), 'buffer');
      const entry = entries.get(salted(digest));
      if (entry === undefined || !timingSafeEqual(entry.digest, digest)) return undefined;
      if (entry.disabled || clock.wall() >= entry.expires) throw invalidCredential();
      return entry.principal;
    },
  };
}
