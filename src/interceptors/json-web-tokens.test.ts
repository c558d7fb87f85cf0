import { createHmac, createPublicKey } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { signingKey, type TokenIssuer, tokenIssuer } from '../../test/support/token-issuer.ts';
import type { Principal } from '../kernel/call.ts';
import { Fault } from '../kernel/fault.ts';
import { createGroupModels } from './group-models.ts';
import { createJsonWebTokens, type JsonWebTokenOptions } from './json-web-tokens.ts';
import { createJwks } from './jwks.ts';
import { openedCall } from './testing/opened-call.ts';

const now = 1_800_000_000;
const good = { iss: 'https://issuer.example', aud: 'llm-bridge', sub: 'alice', exp: now + 60 };

let issuer: TokenIssuer;
let monotonic: number;
let wall: number;
let failures: unknown[];
beforeEach(async () => {
  issuer = await tokenIssuer();
  monotonic = 0;
  wall = now * 1000;
  failures = [];
});
afterEach(() => issuer.close());

const source = (more: Partial<JsonWebTokenOptions> = {}) =>
  createJsonWebTokens({
    key: createJwks({
      url: issuer.url,
      cooldownMs: 30_000,
      maxAgeMs: 600_000,
      clock: { now: () => monotonic },
      failed: (thrown) => failures.push(thrown),
    }),
    issuer: good.iss,
    audience: good.aud,
    algorithms: ['RS256', 'ES256', 'EdDSA'],
    clockSkewMs: 30_000,
    userClaim: 'sub',
    modelsClaim: undefined,
    groupsClaim: undefined,
    groupModels: () => undefined,
    clock: { wall: () => wall, now: () => monotonic },
    ...more,
  });

type Source = ReturnType<typeof source>;
const identify = async (tokens: Source, token: string): Promise<Principal | undefined> =>
  tokens.identify(openedCall(), token);
/** The user, or the reason for refusing. */
const verdict = async (tokens: Source, token: string): Promise<string | undefined> => {
  try {
    return (await identify(tokens, token))?.user;
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(Fault);
    return (thrown as Fault).reason;
  }
};

describe('a token of the issuer', () => {
  test.each(['RS256', 'ES256', 'EdDSA'] as const)('signed by %s names its user', async (alg) => {
    issuer.rotate(alg);
    expect(await identify(source(), await issuer.sign(good))).toEqual({
      user: 'alice',
      method: 'jwt',
      credential: issuer.key.kid,
    });
  });

  test('has its user and models in the claims that are configured', async () => {
    const tokens = source({ userClaim: 'email', modelsClaim: 'https://example.com/models' });
    const claims = { ...good, email: 'a@example.com' };
    const models = async (claim?: unknown) =>
      (await identify(tokens, await issuer.sign({ ...claims, 'https://example.com/models': claim })))?.models;
    expect(await models(['fast', 'sim/sim', 7])).toEqual(new Set(['fast', 'sim/sim']));
    expect(await models('fast slow')).toEqual(new Set(['fast', 'slow']));
    expect(await models()).toEqual(new Set());
    expect(await models({ fast: true })).toEqual(new Set());
    expect((await identify(tokens, await issuer.sign(claims)))?.user).toBe('a@example.com');
    expect(await verdict(tokens, await issuer.sign(good))).toBe('CREDENTIAL_INVALID');
  });

  test('has its groups in a claim, which narrow its models', async () => {
    const groupModels = createGroupModels({ staff: { models: ['fast', 'slow'] }, admins: {} });
    const tokens = source({ groupsClaim: 'groups', groupModels });
    const told = async (claims: object, by = tokens) => {
      const { groups, models } = (await identify(by, await issuer.sign({ ...good, ...claims }))) ?? {};
      return { groups, models };
    };
    expect(await told({ groups: ['staff', 7, '', 'other'] })).toEqual({
      groups: ['staff', 'other'],
      models: new Set(['fast', 'slow']),
    });
    expect(await told({ groups: 'staff admins' })).toEqual({ groups: ['staff', 'admins'], models: undefined });
    expect(await told({})).toEqual({ groups: [], models: new Set() });
    expect(await told({ groups: { staff: true } })).toEqual({ groups: [], models: new Set() });
    const both = source({ groupsClaim: 'groups', groupModels, modelsClaim: 'models' });
    expect(await told({ groups: ['staff'], models: ['slow', 'tiny'] }, both)).toEqual({
      groups: ['staff'],
      models: new Set(['slow']),
    });
    expect((await told({ groups: ['admins'] }, both)).models).toEqual(new Set());
    const named = source({ groupsClaim: 'groups' });
    expect(await told({ groups: ['staff'] }, named)).toEqual({ groups: ['staff'], models: undefined });
  });

  test.each<[string, object, boolean]>([
    ['expired within the tolerance', { exp: now - 29 }, true],
    ['expired', { exp: now - 31 }, false],
    ['without an end', { exp: undefined }, false],
    ['for later, within the tolerance', { nbf: now + 29 }, true],
    ['for later', { nbf: now + 31 }, false],
    ['for several audiences, us among them', { aud: ['other', 'llm-bridge'] }, true],
    ['for another audience', { aud: 'other' }, false],
    ['for no audience', { aud: undefined }, false],
    ['of another issuer', { iss: 'https://evil.example' }, false],
    ['of no issuer', { iss: undefined }, false],
    ['without a user', { sub: undefined }, false],
    ['with an empty user', { sub: '' }, false],
    ['with a user that is no text', { sub: 7 as unknown as string }, false],
    ['with an endless user', { sub: 'x'.repeat(257) }, false],
    ['with a user that is like another in UTF-8', { sub: 'alice\ud800' }, false],
  ])('%s', async (_name, claims, accepted) => {
    const token = await issuer.sign({ ...good, ...claims });
    expect(await verdict(source(), token)).toBe(accepted ? 'alice' : 'CREDENTIAL_INVALID');
  });
});

describe('a token that verified', () => {
  test('is not verified again for ten seconds, and stands for the same', async () => {
    const tokens = source();
    const token = await issuer.sign(good);
    const principal = await identify(tokens, token);
    expect(tokens.identify(openedCall(), token)).toBe(principal);
    monotonic = 9_999;
    expect(tokens.identify(openedCall(), token)).toBe(principal);
    monotonic = 10_000;
    expect(tokens.identify(openedCall(), token)).toBeInstanceOf(Promise);
    expect(await verdict(tokens, token)).toBe('alice');
    expect(tokens.identify(openedCall(), token)).toEqual(principal);
  });

  test('ends when it expires all the same', async () => {
    const tokens = source();
    const token = await issuer.sign({ ...good, exp: now + 5 });
    expect(await verdict(tokens, token)).toBe('alice');
    wall = (now + 5) * 1000 + 29_999;
    expect(await verdict(tokens, token)).toBe('alice');
    wall = (now + 5) * 1000 + 30_000;
    expect(await verdict(tokens, token)).toBe('CREDENTIAL_INVALID');
  });

  test('vouches for no other', async () => {
    const tokens = source();
    const token = await issuer.sign(good);
    expect(await verdict(tokens, token)).toBe('alice');
    const [head, claims, signature = ''] = token.split('.');
    expect(await verdict(tokens, `${head}.${claims}.${signature.split('').reverse().join('')}`)).toBe(
      'CREDENTIAL_INVALID',
    );
  });
});

describe('a forged token', () => {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

  test('without a signature, and with an algorithm that is not pinned, asks nobody', async () => {
    const tokens = source();
    const unsigned = `${part({ alg: 'none', kid: issuer.key.kid })}.${part(good)}.`;
    expect(await verdict(tokens, unsigned)).toBe('CREDENTIAL_INVALID');
    const spelled = `${part({ alg: 'nOnE', kid: issuer.key.kid })}.${part(good)}.AAAA`;
    expect(await verdict(tokens, spelled)).toBe('CREDENTIAL_INVALID');
    expect(issuer.requests).toBe(0);
  });

  test('with our public key as the secret of an HMAC', async () => {
    issuer.rotate('RS256');
    const publicKey = createPublicKey(issuer.key.publicKey.export({ type: 'spki', format: 'pem' }));
    const head = `${part({ alg: 'HS256', kid: issuer.key.kid })}.${part(good)}`;
    for (const secret of [
      publicKey.export({ type: 'spki', format: 'pem' }),
      publicKey.export({ type: 'spki', format: 'der' }),
      publicKey.export({ type: 'pkcs1', format: 'pem' }),
    ]) {
      const mac = createHmac('sha256', secret).update(head).digest('base64url');
      expect(await verdict(source(), `${head}.${mac}`)).toBe('CREDENTIAL_INVALID');
    }
  });

  test('signed by another under a known name, or with its own key inside', async () => {
    const theirs = signingKey();
    const tokens = source();
    expect(await verdict(tokens, await issuer.sign(good, { ...theirs, kid: issuer.key.kid }))).toBe(
      'CREDENTIAL_INVALID',
    );
    const inside = await new SignJWT(good)
      .setProtectedHeader({ alg: 'ES256', jwk: theirs.publicKey.export({ format: 'jwk' }) as never })
      .sign(theirs.privateKey);
    expect(await verdict(tokens, inside)).toBe('CREDENTIAL_INVALID');
  });

  test('with a place in its header where its key is to be had: nobody asks there', async () => {
    const evil = await tokenIssuer();
    try {
      const pem = evil.key.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
      for (const header of [
        { jku: evil.url },
        { jku: evil.url, kid: evil.key.kid },
        { x5u: evil.url, kid: evil.key.kid },
        { x5c: [pem], kid: evil.key.kid },
        { jwk: evil.key.publicKey.export({ format: 'jwk' }), kid: issuer.key.kid },
        { kid: '../../../../dev/null' },
        { kid: `${evil.url}#${issuer.key.kid}` },
        { kid: "' OR 1=1 --" },
      ]) {
        const token = await new SignJWT(good)
          .setProtectedHeader({ alg: 'ES256', ...header } as never)
          .sign(evil.key.privateKey);
        expect(await verdict(source(), token), JSON.stringify(header)).toBe('CREDENTIAL_INVALID');
      }
      expect(evil.requests).toBe(0);
    } finally {
      await evil.close();
    }
  });

  test('with an extension that must be understood, an encrypted one, or two tokens in each other', async () => {
    const tokens = source();
    const head = { alg: 'ES256', kid: issuer.key.kid };
    const critical = new SignJWT(good).setProtectedHeader({ ...head, crit: ['exp'], exp: 1 } as never);
    expect(await verdict(tokens, await critical.sign(issuer.key.privateKey, { crit: { exp: true } }))).toBe(
      'CREDENTIAL_INVALID',
    );
    const encrypted = `${part({ alg: 'dir', enc: 'A256GCM' })}..AAAA.AAAA.AAAA`;
    expect(await verdict(tokens, encrypted)).toBeUndefined();
    const inner = await issuer.sign(good);
    expect(await verdict(tokens, `${part(head)}.${Buffer.from(inner).toString('base64url')}.AAAA`)).toBe(
      'CREDENTIAL_INVALID',
    );
  });

  test('of any size is refused soon', async () => {
    const tokens = source();
    const huge = 'A'.repeat(1 << 20);
    for (const token of [
      `${part({ alg: 'ES256', kid: huge })}.${part(good)}.AAAA`,
      `${part({ alg: 'ES256', kid: issuer.key.kid })}.${huge}.AAAA`,
      `${part({ alg: 'ES256', kid: issuer.key.kid })}.${part(good)}.${huge}`,
      `${huge}.${huge}.${huge}`,
      `${part({ alg: 'ES256', kid: issuer.key.kid })}.${Buffer.from('['.repeat(200_000)).toString('base64url')}.AAAA`,
    ]) {
      expect(await verdict(tokens, token)).toBe('CREDENTIAL_INVALID');
    }
    expect(issuer.requests).toBeLessThanOrEqual(1);
  });

  test('changed in any character of its claims', async () => {
    const tokens = source();
    const [head = '', claims = '', signature = ''] = (await issuer.sign(good)).split('.');
    const changed = Buffer.from(claims, 'base64url').toString().replace('alice', 'carol');
    const token = `${head}.${Buffer.from(changed).toString('base64url')}.${signature}`;
    expect(await verdict(tokens, token)).toBe('CREDENTIAL_INVALID');
  });

  test.each(['a.b.c', '..', 'a..c', 'e30.e30.e30', `${part({ alg: 'ES256' })}.${part(7)}.AAAA`])(
    '%s',
    async (token) => {
      expect(['CREDENTIAL_INVALID', undefined]).toContain(await verdict(source(), token));
    },
  );

  test('what has not two dots is none of ours', async () => {
    const token = await issuer.sign(good);
    for (const other of ['', 'key', 'a.b', 'a.b.c.d', `${token}.`]) {
      expect(await verdict(source(), other)).toBeUndefined();
    }
  });
});

describe("the issuer's keys", () => {
  test('are fetched once for all', async () => {
    const tokens = source();
    const token = await issuer.sign(good);
    expect(await Promise.all(Array.from({ length: 50 }, () => verdict(tokens, token)))).toEqual(
      Array(50).fill('alice'),
    );
    expect(issuer.requests).toBe(1);
  });

  test('are asked for once a cool-down, however many unknown names come', async () => {
    const tokens = source();
    await verdict(tokens, await issuer.sign(good));
    const unknown = () => issuer.sign(good, signingKey());
    const storm = async () => {
      const forged = await Promise.all(Array.from({ length: 40 }, unknown));
      const verdicts = await Promise.all(forged.map((token) => verdict(tokens, token)));
      expect(new Set(verdicts)).toEqual(new Set(['CREDENTIAL_INVALID']));
    };
    await storm();
    monotonic = 29_999;
    await storm();
    expect(issuer.requests).toBe(1);
    monotonic = 30_000;
    await storm();
    await storm();
    expect(issuer.requests).toBe(2);
    expect(await verdict(tokens, await issuer.sign(good))).toBe('alice');
  });

  test('may be rotated', async () => {
    const tokens = source();
    const old = await issuer.sign(good);
    expect(await verdict(tokens, old)).toBe('alice');
    issuer.rotate();
    monotonic = 30_000;
    expect(await verdict(tokens, await issuer.sign(good))).toBe('alice');
    expect(await verdict(tokens, old)).toBe('CREDENTIAL_INVALID');
  });

  test('serve on while they cannot be renewed, for a day', async () => {
    const tokens = source();
    const token = await issuer.sign(good);
    await verdict(tokens, token);
    issuer.status = 500;
    monotonic = 3_600_000;
    expect(await verdict(tokens, token)).toBe('alice');
    await expect.poll(() => failures.length).toBe(1);
    monotonic = 86_400_001;
    expect(await verdict(tokens, token)).toBe('ADMISSION_UNAVAILABLE');
    expect(issuer.requests).toBe(3);
  });

  test('that cannot be had are no reason to ask more often, nor to say that a token is bad', async () => {
    issuer.status = 503;
    const tokens = source();
    const token = await issuer.sign(good);
    for (let i = 0; i < 5; i++) expect(await verdict(tokens, token)).toBe('ADMISSION_UNAVAILABLE');
    expect(issuer.requests).toBe(1);
    issuer.status = 200;
    monotonic = 30_000;
    expect(await verdict(tokens, token)).toBe('alice');
  });
});
