import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { type Sealed, SealedCaller } from '../support/sealed-caller.ts';
import { sealedSurfaces } from '../support/sealed-surfaces.ts';

// Sealed calls on every surface, by a caller that has nothing of the gateway but docs/sealing.md.

const secret = randomBytes(32);
const key = 'llmb-sealing-test';
const config = (security: string) => `
providers: { sim: { type: simulator, models: [sim] } }
security:
  api_keys: [{ name: laptop, user: alice, sha256: ${createHash('sha256').update(key).digest('hex')} }]
  sealing: { ${security} keys: [{ id: k1, secret: "${secret.toString('base64')}" }] }
`;
const alice = new SealedCaller(secret, 'k1', 'alice');
const word = 'confidential-word';

const own = { 'x-api-key': key };
const { all: surfaces, json } = sealedSurfaces({ caller: alice, headers: own, word });
const jsonMethod = '/v1/chat/completions';

interface ErrorJson {
  readonly error?: { readonly code: string | null };
}

const model = 'sim/sim:tokens=12';
const now = () => Math.floor(Date.now() / 1000);

describe.each(surfaces)('$name', ({ seal, send, name }) => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startGateway(config(''));
  });
  afterAll(() => gateway.stop());

  describe.each([
    ['whole', false],
    ['streamed', true],
  ])('%s', (_name, stream) => {
    test('a sealed call gets a sealed answer, and its replay nothing', async () => {
      const sealed = await seal(stream, model);
      const before = gateway.log.length;
      const told = await send(gateway.url, stream, sealed);
      expect(told).toMatchObject({ reason: '', whole: true });
      expect(told.text).not.toBe('');
      const line = gateway.log.slice(before).find((each) => each['msg'] === 'call');
      expect(line).toMatchObject({ user: 'alice', sealed_by: 'k1', stream });
      expect(JSON.stringify(gateway.log)).not.toContain(word);
      expect(await send(gateway.url, stream, sealed)).toMatchObject({ text: '', reason: 'SEAL_REPLAYED' });
      expect(await send(gateway.url, stream, sealed)).toMatchObject({ text: '', reason: 'SEAL_REPLAYED' });
    });

    test('of many at once with one nonce, one is served', async () => {
      const sealed = await seal(stream, model);
      const told = await Promise.all(Array.from({ length: 100 }, () => send(gateway.url, stream, sealed)));
      const reasons = told.map(({ reason }) => reason).sort();
      expect(reasons).toEqual(['', ...Array(99).fill('SEAL_REPLAYED')]);
    });

    test('whatever does not verify is refused alike', async () => {
      const sealed = await seal(stream, model);
      const flipped = (bytes: Uint8Array, at: number) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
      const other = new SealedCaller(randomBytes(32), 'k1', 'alice');
      const bad: Sealed[] = [
        { ...sealed, keyId: 'k2' },
        { ...sealed, keyId: '' },
        { ...sealed, version: 2 },
        { ...sealed, issuedAt: sealed.issuedAt - 1 },
        { ...sealed, nonce: flipped(sealed.nonce, 11) },
        { ...sealed, nonce: new Uint8Array() },
        { ...sealed, ciphertext: flipped(sealed.ciphertext, 0) },
        { ...sealed, ciphertext: flipped(sealed.ciphertext, sealed.ciphertext.length - 1) },
        { ...sealed, ciphertext: sealed.ciphertext.subarray(1) },
        { ...sealed, ciphertext: new Uint8Array() },
        { ...sealed, nonce: randomBytes(12), ciphertext: randomBytes(40) },
        await seal(stream, model, other),
        await seal(stream, model, new SealedCaller(secret, 'k1', 'bob')),
        // Too old, and not to be told so before it verifies.
        { ...(await seal(stream, model, other, 1)) },
      ];
      const told = await Promise.all(bad.map((each) => send(gateway.url, stream, each)));
      expect(told).toEqual(
        told.map(() => ({
          text: '',
          reason: 'SEAL_INVALID',
          message: 'the sealed message is not valid',
          whole: false,
        })),
      );
      // Another caller, or nobody.
      expect(await send(gateway.url, stream, sealed, {})).toMatchObject({ reason: 'SEAL_INVALID' });
      // None of them claimed the nonce.
      expect(await send(gateway.url, stream, sealed)).toMatchObject({ reason: '', whole: true });
    });

    test('what is too old or dated ahead is refused, once it verified', async () => {
      for (const issuedAt of [now() - 310, now() + 60, 0, 2 ** 32 - 1]) {
        const sealed = await seal(stream, model, alice, issuedAt);
        expect(await send(gateway.url, stream, sealed)).toMatchObject({ text: '', reason: 'SEAL_EXPIRED' });
      }
    });

    test('a failure is no whole answer', async () => {
      const unknown = await send(gateway.url, stream, await seal(stream, 'no-such-model'));
      expect(unknown).toMatchObject({ text: '', reason: 'MODEL_NOT_FOUND' });
      if (!stream) return;
      const cut = await send(gateway.url, stream, await seal(stream, 'sim/sim:tokens=20,cut=4'));
      expect(cut.text).not.toBe('');
      expect(cut).toMatchObject({ reason: 'PROVIDER_STREAM_CUT' });
      if (name !== json.name) expect(cut.whole).toBe(false);
    });
  });

  test('a message for the other method is none', async () => {
    if (name === json.name) return;
    const sealed = await seal(true, model);
    expect(await send(gateway.url, false, sealed)).toMatchObject({ reason: 'SEAL_INVALID' });
  });
});

test('a message of one surface is none of the other', async () => {
  const gateway = await startGateway(config(''));
  const [grpc] = surfaces;
  try {
    if (grpc === undefined) throw new Error('no gRPC');
    expect(await json.send(gateway.url, false, await grpc.seal(false, model))).toMatchObject({
      reason: 'SEAL_INVALID',
    });
    expect(await grpc.send(gateway.url, false, await json.seal(false, model))).toMatchObject({
      reason: 'SEAL_INVALID',
    });
  } finally {
    await gateway.stop();
  }
});

test('a restart takes nothing that was taken before it', async () => {
  const first = await startGateway(config(''));
  const sealed = await json.seal(false, model);
  expect(await json.send(first.url, false, sealed)).toMatchObject({ reason: '' });
  await first.stop();
  const second = await startGateway(config(''));
  try {
    expect(await json.send(second.url, false, sealed)).toMatchObject({ reason: 'SEAL_EXPIRED' });
    expect(await json.send(second.url, false, await json.seal(false, model))).toMatchObject({ reason: '' });
  } finally {
    await second.stop();
  }
});

test('over a limit nothing is claimed, and a replay uses up nothing', async () => {
  let passed = 0;
  const clock = {
    ...systemClock,
    now: () => systemClock.now() + passed,
    wall: () => systemClock.wall() + passed,
  };
  const limited = `${config('window: 1h,')}rate_limit: { user: { requests: 2/m } }`;
  const gateway = await startGateway(limited, {}, { clock });
  try {
    for (const { seal, send } of [json, ...surfaces.slice(0, 1)]) {
      const reasonOf = async (sealed: Sealed) => (await send(gateway.url, false, sealed)).reason;
      const [one, two, three] = [await seal(false, model), await seal(false, model), await seal(false, model)];
      expect(await reasonOf(one)).toBe('');
      for (let i = 0; i < 5; i++) expect(await reasonOf(one)).toBe('SEAL_REPLAYED');
      expect(await reasonOf(two)).toBe('');
      for (let i = 0; i < 5; i++) expect(await reasonOf(three)).toMatch(/^RATE_LIMIT/);
      passed += 120_000;
      expect(await reasonOf(three)).toBe('');
      expect(await reasonOf(three)).toBe('SEAL_REPLAYED');
      passed += 120_000;
    }
  } finally {
    await gateway.stop();
  }
});

describe('what the mode says', () => {
  const clear = async (url: string, by = key) => {
    const response = await fetch(`${url}${jsonMethod}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': by },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: word }] }),
    });
    return `${response.status} ${((await response.json()) as ErrorJson).error?.code ?? ''}`;
  };

  test.each([
    ['required', '400 seal_required', ''],
    ['optional', '200 ', ''],
    ['off', '200 ', 'FIELD_INVALID'],
  ])('%s', async (mode, inTheClear, sealedReason) => {
    const gateway = await startGateway(config(`mode: ${mode},`));
    try {
      expect(await clear(gateway.url)).toBe(inTheClear);
      for (const surface of surfaces) {
        const told = await surface.send(gateway.url, false, await surface.seal(false, model));
        expect(told.message.includes('sealing.mode')).toBe(mode === 'off');
        if (surface !== json || mode !== 'off') expect(told.reason).toBe(sealedReason);
      }
      expect((await fetch(`${gateway.url}/v1/models`, { headers: own })).status).toBe(200);
    } finally {
      await gateway.stop();
    }
  });

  test('required of one caller', async () => {
    const other = 'llmb-sealing-other';
    const sha256 = createHash('sha256').update(other).digest('hex');
    const both = config('').replace('api_keys: [', `api_keys: [{ name: o, user: o, sha256: ${sha256} }, `);
    const gateway = await startGateway(both.replace('user: alice,', 'user: alice, must_seal: true,'));
    try {
      expect(await clear(gateway.url)).toBe('400 seal_required');
      expect(await clear(gateway.url, other)).toBe('200 ');
      for (const surface of surfaces) {
        expect((await surface.send(gateway.url, true, await surface.seal(true, model))).reason).toBe('');
      }
    } finally {
      await gateway.stop();
    }
  });

  test('a key that is no key, or a mode without keys, is no configuration', async () => {
    const start = (sealing: string) =>
      startGateway(`providers: { sim: { type: simulator } }\nsecurity: { sealing: { ${sealing} } }`);
    await expect(start('keys: [{ id: k1, secret: short }]')).rejects.toThrow('256 bits');
    await expect(start('mode: required')).rejects.toThrow('security.sealing.mode');
    const mustSeal = config('mode: off,').replace('user: alice,', 'user: alice, must_seal: true,');
    await expect(startGateway(mustSeal)).rejects.toThrow('security.api_keys[0].must_seal');
  });
});
