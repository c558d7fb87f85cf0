import { hash } from 'node:crypto';
import { type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import type { Principal } from '../kernel/call.ts';
import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import type { CredentialSource } from './credential.ts';
import { type GroupModels, inBoth } from './group-models.ts';
import { invalidCredential } from './refusals.ts';

export interface JsonWebTokenOptions {
  /** Finds the key that a token's header names. */
  readonly key: JWTVerifyGetKey;
  /** Expected `iss`; any where undefined. */
  readonly issuer: string | undefined;
  /** Expected among `aud`; any where undefined. */
  readonly audience: string | undefined;
  /** The only algorithms accepted, by their JWA names. */
  readonly algorithms: readonly string[];
  /** Tolerance for `exp` and `nbf`, in milliseconds. */
  readonly clockSkewMs: number;
  readonly userClaim: string;
  /** Claim with the models that the user may ask for: a list, or words with spaces between. */
  readonly modelsClaim: string | undefined;
  /** Claim with the groups that the user is in: a list, or words with spaces between. */
  readonly groupsClaim: string | undefined;
  readonly groupModels: GroupModels;
  readonly clock: Pick<Clock, 'wall' | 'now'>;
}

const longestUser = 256;
/** A token that fits into a request's headers has no more than some hundreds. */
const mostGroups = 1_000;
/** How long a token that verified is not verified again, in milliseconds: a signature costs more than all else of a call. */
const trustMs = 10_000;
const mostTrusted = 10_000;

/** Whom a token stood for when it verified. */
interface Trusted {
  readonly principal: Principal;
  /** By the monotonic clock. */
  readonly until: number;
  /** In milliseconds since the Unix epoch, tolerance included. */
  readonly expires: number;
}

const isJwt = (presented: string) => /^[^.]+\.[^.]+\.[^.]*$/.test(presented);

/** The words of a claim; what is no text among them does not count. */
function words(claim: unknown): string[] {
  const all: readonly unknown[] = typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? claim : [];
  return all.filter((word) => typeof word === 'string').filter((word) => word !== '');
}

/** Knows callers by JSON Web Tokens (RFC 7519) that an issuer signed. A token has to say when it expires. */
export function createJsonWebTokens(options: JsonWebTokenOptions): CredentialSource {
  const { key, issuer, audience, algorithms, clockSkewMs, userClaim, modelsClaim, groupsClaim, groupModels, clock } =
    options;

  const principalOf = (claims: JWTPayload, kid: string | undefined): Principal => {
    const user = claims[userClaim];
    if (typeof user !== 'string' || user === '' || user.length > longestUser) throw invalidCredential();
    // In stores and seals, which are UTF-8, all that is none would be one and the same.
    if (!user.isWellFormed()) throw invalidCredential();
    const principal: Principal = { user, method: 'jwt', credential: kid ?? '' };
    // A token without a claim that is asked for may ask for nothing: it is the issuer who grants.
    const groups = groupsClaim === undefined ? undefined : words(claims[groupsClaim]).slice(0, mostGroups);
    const models = inBoth(
      modelsClaim === undefined ? undefined : new Set(words(claims[modelsClaim])),
      groups === undefined ? undefined : groupModels(groups),
    );
    return { ...principal, ...(groups && { groups }), ...(models && { models }) };
  };

  const trusted = new Map<string, Trusted>();

  const trust = (digest: string, principal: Principal, exp: number): void => {
    trusted.delete(digest);
    trusted.set(digest, { principal, until: clock.now() + trustMs, expires: exp * 1000 + clockSkewMs });
    if (trusted.size <= mostTrusted) return;
    for (const oldest of trusted.keys()) {
      trusted.delete(oldest);
      return;
    }
  };

  const verify = async (token: string, digest: string): Promise<Principal> => {
    try {
      const { payload, protectedHeader } = await jwtVerify(token, key, {
        ...(issuer !== undefined && { issuer }),
        ...(audience !== undefined && { audience }),
        algorithms: [...algorithms],
        clockTolerance: clockSkewMs / 1000,
        currentDate: new Date(clock.wall()),
        requiredClaims: ['exp'],
      });
      const principal = principalOf(payload, protectedHeader.kid);
      trust(digest, principal, payload.exp ?? 0);
      return principal;
    } catch (thrown) {
      throw thrown instanceof Fault ? thrown : invalidCredential();
    }
  };

  return {
    identify(_call, presented) {
      if (presented === undefined || !isJwt(presented)) return undefined;
      const digest = hash('sha256', presented, 'base64');
      const known = trusted.get(digest);
      if (known !== undefined && clock.now() < known.until && clock.wall() < known.expires) return known.principal;
      return verify(presented, digest);
    },
  };
}
