import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startRedis } from '../../src/stores/testing/redis-server.ts';
import { spawnGateway, startGateway, type TestGateway } from '../support/gateway.ts';
import { suite } from '../support/parts.ts';
import { run } from '../support/process.ts';
import { type RawEntrance, rawEntrances } from '../support/raw-entrances.ts';
import { configFolder, startReloadable } from '../support/reloadable.ts';
import { SignedCaller } from '../support/signed-caller.ts';

// Requests in the clear that are signed, so that none can be changed on its way, or sent again.

const secret = randomBytes(32);
const key = 'llmb-signing-test';
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const config = (signing: string, more = '') => `
providers: { sim: { type: simulator, models: [sim] } }
models: [{ name: fast, targets: [{ provider: sim, model: "sim:tokens=4" }] }]
security:
  api_keys:
    - { name: laptop, user: alice, sha256: ${sha256(key)} }
    - { name: ci, user: bob, sha256: ${sha256(`${key}-2`)} }
  request_signing:
    ${signing}
    keys:
      - { id: s1, secret: "${secret.toString('hex')}" }
      - { id: s2, secret: "${secret.toString('hex')}", user: bob }
      - { id: s3, secret: "${secret.toString('hex')}", disabled: true }
${more}
`;
const signer = new SignedCaller(secret, 's1');
const alice = { 'x-api-key': key };
const bob = { 'x-api-key': `${key}-2` };
const user = 'alice';
const now = () => Math.floor(Date.now() / 1000);

describe.each(rawEntrances)('$name', (entrance) => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startGateway(config('mode: required'));
  });
  afterAll(() => gateway.stop());

  describe.each([
    ['whole', false],
    ['streamed', true],
  ])('%s', (_name, stream) => {
    const path = entrance.path(stream);
    const body = entrance.encode('fast', 'Hello', stream);
    const ask = async (headers: Readonly<Record<string, string>>, message: Uint8Array = body, as = alice) =>
      (await entrance.send(gateway.url, { ...as, ...headers }, message, stream)).reason;

    test('a signed call is served once, from whatever connection it comes', async () => {
      const headers = signer.headers(body, { path, user });
      const before = gateway.log.length;
      expect(await ask(headers)).toBe('');
      const line = gateway.log.slice(before).find(({ msg }) => msg === 'call');
      expect(line).toMatchObject({ user, signed_by: 's1', stream });
      expect(await ask(headers)).toBe('REQUEST_REPLAYED');
      expect(await ask(headers)).toBe('REQUEST_REPLAYED');
    });

    test('of many at once, from a connection each, one is served', async () => {
      const headers = signer.headers(body, { path, user });
      const reasons = await Promise.all(Array.from({ length: 40 }, () => ask(headers)));
      expect(reasons.sort()).toEqual(['', ...Array(39).fill('REQUEST_REPLAYED')]);
    });

    test('whatever does not verify is refused alike, and claims nothing', async () => {
      const good = signer.headers(body, { path, user });
      const signature = good['x-request-signature'] ?? '';
      const without = (name: string) => Object.fromEntries(Object.entries(good).filter(([each]) => each !== name));
      const bad: Record<string, string>[] = [
        ...['x-request-key-id', 'x-request-timestamp', 'x-request-nonce'].map(without),
        { ...good, 'x-request-signature': '' },
        { ...good, 'x-request-signature': signature.slice(1) },
        { ...good, 'x-request-signature': `${signature.slice(0, -1)}${signature.endsWith('0') ? '1' : '0'}` },
        { ...good, 'x-request-key-id': 's2' },
        { ...good, 'x-request-key-id': 's3' },
        { ...good, 'x-request-key-id': 's9' },
        { ...good, 'x-request-nonce': 'short' },
        { ...good, 'x-request-nonce': `${good['x-request-nonce']}A` },
        { ...good, 'x-request-timestamp': `0${good['x-request-timestamp']}` },
        { ...good, 'x-request-timestamp': '1e9' },
        new SignedCaller(randomBytes(32), 's1').headers(body, { path, user }),
        new SignedCaller(secret, 's2').headers(body, { path, user }),
        new SignedCaller(secret, 's3').headers(body, { path, user }),
        signer.headers(body, { path, user: 'bob' }),
        signer.headers(body, { path: entrance.path(!stream) === path ? '/v1/models' : entrance.path(!stream), user }),
        // Too old as well, which nobody is told before it verifies.
        new SignedCaller(randomBytes(32), 's1').headers(body, { path, user, time: 1 }),
      ];
      expect(await Promise.all(bad.map((headers) => ask(headers)))).toEqual(bad.map(() => 'SIGNATURE_INVALID'));
      expect(await ask(good, entrance.encode('fast', 'Hellu', stream))).toBe('SIGNATURE_INVALID');
      expect(await ask(good, body, bob)).toBe('SIGNATURE_INVALID');
      expect(await ask(good)).toBe('');
      const texts = gateway.log.filter(({ outcome }) => outcome === 'SIGNATURE_INVALID');
      expect(texts.length).toBeGreaterThan(bad.length);
    });

    test('what is too old or dated ahead is refused, once it verified', async () => {
      for (const time of [now() - 310, now() + 60, 0]) {
        expect(await ask(signer.headers(body, { path, user, time }))).toBe('REQUEST_EXPIRED');
      }
    });

    test('without a signature there is no call', async () => {
      expect(await ask({})).toBe('SIGNATURE_REQUIRED');
    });

    test('a key may be for one user', async () => {
      const headers = new SignedCaller(secret, 's2').headers(body, { path, user: 'bob' });
      expect(await ask(headers, body, bob)).toBe('');
    });
  });
});

test('a call over a limit claims nothing', async () => {
  const limits = 'rate_limit: { user: { overrides: { alice: { requests: 1/s } } } }';
  const gateway = await startGateway(config('', limits));
  try {
    for (const entrance of [rawEntrances[0], rawEntrances.at(-1)]) {
      if (entrance === undefined) throw new Error('no entrance');
      const body = entrance.encode('fast', 'Hello', false);
      const path = entrance.path(false);
      const headers = { ...alice, ...signer.headers(body, { path, user }) };
      const ask = async () => (await entrance.send(gateway.url, headers, body, false)).reason;
      const unsigned = async () => (await entrance.send(gateway.url, alice, body, false)).reason;
      await expect.poll(unsigned, { timeout: 5_000 }).toBe('');
      expect(await ask()).toMatch(/^RATE_LIMIT/);
      await expect.poll(ask, { timeout: 5_000 }).toBe('');
      await expect.poll(ask, { timeout: 5_000, interval: 1_050 }).toBe('REQUEST_REPLAYED');
    }
  } finally {
    await gateway.stop();
  }
});

test('over two worker processes, of many at once one is served', async () => {
  const gateway = await spawnGateway(`server: { workers: 2 }\n${config('')}`);
  try {
    for (const entrance of [rawEntrances[0], rawEntrances.at(-1)]) {
      if (entrance === undefined) throw new Error('no entrance');
      const body = entrance.encode('fast', 'Hello', false);
      const headers = { ...alice, ...signer.headers(body, { path: entrance.path(false), user }) };
      const ask = async () => (await entrance.send(gateway.url, { ...headers }, body, false)).reason;
      const reasons = await Promise.all(Array.from({ length: 40 }, ask));
      expect(reasons.sort()).toEqual(['', ...Array(39).fill('REQUEST_REPLAYED')]);
    }
  } finally {
    await gateway.stop();
  }
});

suite('signed calls and Redis', ['redis-server'], () => {
  test('over two instances, of many at once one is served; while it is out, none', async () => {
    const redis = await startRedis('--maxmemory-policy', 'noeviction');
    // Longer than a busy machine keeps an answer waiting.
    const yaml = config('', `redis: { url: "${redis.url}" }\nrate_limit: { store_timeout: 5s }`);
    const gateways = [await startGateway(yaml), await startGateway(yaml)];
    try {
      const ask = async (entrance: RawEntrance, i: number, headers: Readonly<Record<string, string>>, body: Buffer) =>
        (await entrance.send(gateways[i % 2]?.url ?? '', { ...alice, ...headers }, body, false)).reason;
      for (const entrance of rawEntrances) {
        const body = entrance.encode('fast', 'Hello', false);
        const headers = signer.headers(body, { path: entrance.path(false), user });
        const reasons = await Promise.all(Array.from({ length: 40 }, (_, i) => ask(entrance, i, headers, body)));
        expect(reasons.sort(), entrance.name).toEqual(['', ...Array(39).fill('REQUEST_REPLAYED')]);
      }
      await redis.stop();
      for (const entrance of rawEntrances) {
        const body = entrance.encode('fast', 'Hello', false);
        const headers = signer.headers(body, { path: entrance.path(false), user });
        expect(await ask(entrance, 0, headers, body)).toBe('ADMISSION_UNAVAILABLE');
        expect(await ask(entrance, 0, {}, body)).toBe('');
      }
    } finally {
      await Promise.all(gateways.map((gateway) => gateway.stop()));
      await redis.stop().catch(() => {});
    }
  });
});

test('keys are taken and taken away while the gateway runs', async () => {
  const folder = configFolder();
  const keyed = (keys: string) => config('').replace(/ {4}keys:[\s\S]*$/, `    keys: [${keys}]\n`);
  folder.write('config.yaml', keyed(`{ id: s0, secret: "${randomBytes(32).toString('base64')}" }`));
  const gateway = await startReloadable(folder);
  try {
    const [entrance] = rawEntrances;
    if (entrance === undefined) throw new Error('no entrance');
    const body = entrance.encode('fast', 'Hello', false);
    const ask = async (by: SignedCaller) => {
      const headers = { ...alice, ...by.headers(body, { path: entrance.path(false), user }) };
      return (await entrance.send(gateway.url, headers, body, false)).reason;
    };
    const stranger = new SignedCaller(randomBytes(32), 's1');
    expect(await ask(signer)).toBe('SIGNATURE_INVALID');
    folder.write('config.yaml', keyed(`{ id: s1, secret: "${secret.toString('base64')}" }`));
    gateway.reload();
    expect([await ask(signer), await ask(stranger)]).toEqual(['', 'SIGNATURE_INVALID']);
    folder.write('config.yaml', keyed(`{ id: s2, secret: "${secret.toString('base64')}" }`));
    gateway.reload();
    expect([await ask(signer), await ask(new SignedCaller(secret, 's2'))]).toEqual(['SIGNATURE_INVALID', '']);
    folder.write('config.yaml', keyed(`{ id: s2, secret: "${secret.toString('base64')}", disabled: true }`));
    gateway.reload();
    expect(await ask(new SignedCaller(secret, 's2'))).toBe('SIGNATURE_INVALID');
    expect(JSON.stringify(gateway.log)).not.toContain(secret.toString('base64'));
  } finally {
    await gateway.stop();
    folder.remove();
  }
});

test('it is the message that is signed, however it is compressed', async () => {
  const gateway = await startGateway(config(''));
  const codings = { gzip: gzipSync, br: brotliCompressSync };
  const rpc = '/llmbridge.v1.ChatService/ChatCompletion';
  try {
    for (const [coding, compress] of Object.entries(codings)) {
      for (const [path, type, name] of [
        ['/v1/chat/completions', 'application/json', 'JSON'],
        [rpc, 'application/proto', 'Connect'],
      ] as const) {
        const body = rawEntrances.find((each) => each.name === name)?.encode('fast', 'Hello', false) ?? Buffer.alloc(0);
        const send = async (headers: Record<string, string>) =>
          (
            await fetch(`${gateway.url}${path}`, {
              method: 'POST',
              headers: { 'content-type': type, 'content-encoding': coding, ...alice, ...headers },
              body: compress(body) as Uint8Array<ArrayBuffer>,
            })
          ).status;
        expect(await send(signer.headers(body, { path, user })), `${name} ${coding}`).toBe(200);
        expect(await send(signer.headers(compress(body), { path, user })), `${name} ${coding}`).toBe(401);
      }
    }
  } finally {
    await gateway.stop();
  }
});

test('the message in the URL of a GET is not what is signed', async () => {
  const gateway = await startGateway(config(''));
  try {
    const path = '/llmbridge.v1.ChatService/ChatCompletion';
    const headers = { ...alice, ...signer.headers(Buffer.alloc(0), { path, user }) };
    const url = `${gateway.url}${path}?connect=v1&encoding=json&message=${encodeURIComponent('{"model":"fast"}')}`;
    expect((await fetch(url, { headers })).ok).toBe(false);
  } finally {
    await gateway.stop();
  }
});

test.each([
  ['off', 'mode: off', ''],
  ['without keys', '', 'none'],
])('signatures are ignored: %s', async (_name, signing, keys) => {
  const text = keys === 'none' ? config('').replace(/ {2}request_signing:[\s\S]*$/, '') : config(signing);
  const gateway = await startGateway(text);
  try {
    for (const entrance of rawEntrances) {
      const body = entrance.encode('fast', 'Hello', false);
      const headers = { ...alice, ...new SignedCaller(randomBytes(32), 's1').headers(body, { path: '/', user }) };
      expect((await entrance.send(gateway.url, headers, body, false)).reason).toBe('');
    }
  } finally {
    await gateway.stop();
  }
});

test('the examples of the document are served', async () => {
  const gateway = await startGateway(config('mode: required'));
  const { readFileSync } = await import('node:fs');
  const document = readFileSync(new URL('../../docs/request-signing.md', import.meta.url), 'utf8');
  const blocks = (language: string) =>
    [...document.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, code]) => code ?? '');
  const env = {
    GATEWAY: gateway.url,
    API_KEY: key,
    SIGNING_KEY_ID: 's1',
    SIGNING_SECRET: secret.toString('hex'),
    SIGNING_USER: user,
  };
  try {
    const [shell = ''] = blocks('sh');
    const told = await run('bash', ['-euc', shell], { env });
    expect(told).toMatchObject({ code: 0, stdout: expect.stringContaining('chat.completion') });
    const [python = ''] = blocks('python');
    const script = join(tmpdir(), `signing-${process.pid}.py`);
    writeFileSync(script, python);
    const spoken = await run('python3', [script], { env });
    expect(spoken).toMatchObject({ code: 0, stdout: expect.stringContaining('chat.completion') });
    const lines = gateway.log.filter(({ msg }) => msg === 'call');
    expect(lines.map(({ signed_by, outcome }) => [signed_by, outcome])).toEqual([
      ['s1', 'ok'],
      ['s1', 'ok'],
    ]);
  } finally {
    await gateway.stop();
  }
});
