import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import https from 'node:https';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ChatCompletionRequest, ChatServiceClient } from '../../gen/ts-proto/llmbridge/v1/chat_service.ts';
import { failureOf } from '../clients/grpc-status.ts';
import { type Credentials, certificates } from '../support/certificates.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { type RecordingProvider, recordingProvider } from '../support/recording-provider.ts';
import { signingKey, type TokenIssuer, tokenIssuer } from '../support/token-issuer.ts';

// Who calls, told by an API key, a token or a client certificate, on the JSON surface and over gRPC.

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

interface Told {
  /** gRPC code, or the HTTP status. */
  readonly code: string | number;
  readonly message: string;
}
const ok = { code: 'OK', message: '' };

type Headers = Readonly<Record<string, string>>;
type Ask = (port: number, headers: Headers, model?: string) => Promise<Told>;

const json: Ask = async (port, headers, model = 'fast') => {
  const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] }),
  });
  const body = (await response.json()) as { error?: { message: string } };
  return response.ok ? ok : { code: response.status, message: body.error?.message ?? '' };
};

const grpc: Ask = async (port, headers, model = 'fast') => {
  const client = new ChatServiceClient(`127.0.0.1:${port}`, credentials.createInsecure());
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const message = ChatCompletionRequest.fromPartial({ model, messages: [{ role: 3, content: 'Hello' }] });
  try {
    await promisify((done: (error: ServiceError | null) => void) => client.chatCompletion(message, metadata, done))();
    return ok;
  } catch (thrown) {
    const { code, message } = failureOf(thrown as ServiceError);
    return { code, message };
  } finally {
    client.close();
  }
};

const surfaces: readonly [name: string, ask: Ask, unauthenticated: string | number, forbidden: string | number][] = [
  ['JSON', json, 401, 403],
  ['gRPC', grpc, 'UNAUTHENTICATED', 'PERMISSION_DENIED'],
];

const keys = {
  alice: 'llmb-alice-5f0c9d',
  bob: 'llmb-bob-77ab31',
  old: 'llmb-old-0d11e2',
  off: 'llmb-off-9c5f10',
};

const apiKeys = `
    - { name: alice-laptop, user: alice, sha256: ${sha256(keys.alice)} }
    - { name: bob-ci, user: bob, sha256: ${sha256(keys.bob)}, models: [fast] }
    - { name: old, user: carol, sha256: ${sha256(keys.old)}, expires: 2020-01-01 }
    - { name: off, user: dave, sha256: ${sha256(keys.off)}, disabled: true }`;

describe('API keys', () => {
  let upstream: RecordingProvider;
  let gateway: TestGateway;

  beforeAll(async () => {
    upstream = await recordingProvider();
    gateway = await startGateway(`
providers:
  up: { type: openai-compatible, base_url: "${upstream.baseUrl}", api_keys: [provider-key], models: [m, other] }
  sim: { type: simulator, models: [sim] }
models:
  - { name: fast, targets: [{ provider: up, model: m }] }
  - { name: slow, targets: [{ provider: up, model: other }] }
security:
  anonymous: false
  api_keys:${apiKeys}
`);
  });
  afterAll(async () => {
    await gateway.stop();
    await upstream.close();
  });

  describe.each(surfaces)('%s', (_name, ask, unauthenticated, forbidden) => {
    test.each<[string, Headers]>([
      ['authorization: Bearer', { authorization: `Bearer ${keys.alice}` }],
      ['authorization: bearer', { authorization: `bearer ${keys.alice}` }],
      ['x-api-key', { 'x-api-key': keys.alice }],
    ])('%s lets its user in', async (_spelling, headers) => {
      const before = gateway.log.length;
      expect(await ask(gateway.port, headers)).toEqual(ok);
      const line = gateway.log.slice(before).find((each) => each['msg'] === 'call');
      expect(line).toMatchObject({ auth: 'api-key', user: 'alice', credential: 'alice-laptop' });
    });

    test('wrong, expired and disabled keys are told alike', async () => {
      const told = [];
      for (const key of ['llmb-wrong', keys.old, keys.off, sha256(keys.alice), keys.alice.slice(0, -1)]) {
        told.push(await ask(gateway.port, { authorization: `Bearer ${key}` }));
        told.push(await ask(gateway.port, { 'x-api-key': key }));
      }
      told.push(await ask(gateway.port, { authorization: `Basic ${btoa(`alice:${keys.alice}`)}` }));
      expect(new Set(told.map((each) => JSON.stringify(each)))).toEqual(
        new Set([JSON.stringify({ code: unauthenticated, message: 'the credential is not valid' })]),
      );
    });

    test('no key is told what to send', async () => {
      const { code, message } = await ask(gateway.port, {});
      expect(code).toBe(unauthenticated);
      expect(message).toContain('x-api-key');
    });

    test('a key for some models opens no other, under whatever name', async () => {
      const bob = { 'x-api-key': keys.bob };
      expect(await ask(gateway.port, bob, 'fast')).toEqual(ok);
      for (const model of ['slow', 'up/other', 'other', 'up/m', 'm', 'sim', 'sim/sim']) {
        expect(await ask(gateway.port, bob, model), model).toMatchObject({ code: forbidden });
      }
      expect(await ask(gateway.port, { 'x-api-key': keys.alice }, 'up/other')).toEqual(ok);
    });
  });

  test('the list of models is what the key may ask for', async () => {
    const list = async (key: string) => {
      const response = await fetch(`${gateway.url}/v1/models`, { headers: { 'x-api-key': key } });
      const { data } = (await response.json()) as { data: { id: string }[] };
      return data.map(({ id }) => id);
    };
    expect(await list(keys.bob)).toEqual(['fast']);
    expect(await list(keys.alice)).toEqual(expect.arrayContaining(['fast', 'slow', 'up/m', 'sim/sim']));
    const one = (id: string) =>
      fetch(`${gateway.url}/v1/models/${id}`, { headers: { 'x-api-key': keys.bob } }).then(({ status }) => status);
    expect(await Promise.all([one('fast'), one('slow'), one('up/m')])).toEqual([200, 403, 403]);
    expect((await fetch(`${gateway.url}/v1/models`)).status).toBe(401);
  });

  test("OpenAI's SDK needs nothing but the key", async () => {
    const ask = (apiKey: string) =>
      new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey, maxRetries: 0 }).chat.completions.create({
        model: 'fast',
        messages: [{ role: 'user', content: 'Hello' }],
      });
    expect((await ask(keys.alice)).choices[0]?.message.content).toBe('recorded');
    await expect(ask('sk-wrong')).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
  });

  test('health asks for none', async () => {
    for (const path of ['/health', '/health/live', '/health/ready']) {
      expect((await fetch(`${gateway.url}${path}`)).status, path).toBe(200);
      expect((await fetch(`${gateway.url}${path}`, { headers: { 'x-api-key': 'bad' } })).status, path).toBe(200);
    }
  });

  test("a caller's credential reaches neither the provider nor the log", async () => {
    for (const ask of [json, grpc]) {
      const both = { authorization: `Bearer ${keys.alice}`, 'x-api-key': keys.bob, cookie: `session=${keys.alice}` };
      expect(await ask(gateway.port, both)).toEqual(ok);
      expect(await ask(gateway.port, { 'x-api-key': keys.bob })).toEqual(ok);
      await ask(gateway.port, { 'x-api-key': keys.old });
    }
    expect(upstream.requests.length).toBeGreaterThan(3);
    for (const request of upstream.requests) expect(request.headers['authorization']).toBe('Bearer provider-key');
    const written = JSON.stringify(upstream.requests) + JSON.stringify(gateway.log);
    for (const key of Object.values(keys)) {
      expect(written).not.toContain(key);
      expect(written).not.toContain(sha256(key));
    }
  });
});

describe('off loopback', () => {
  const start = (security: string) =>
    startGateway(`
server: { host: 0.0.0.0 }
providers: { sim: { type: simulator, models: [sim] } }
models: [{ name: fast, targets: [{ provider: sim, model: sim }] }]
security: { ${security} }
`);
  const one = `api_keys: [{ name: a, user: a, sha256: ${sha256(keys.alice)} }]`;

  test.each<[string, string, boolean, boolean]>([
    ['a key is needed', one, false, true],
    ['unless anonymous calls are allowed', `anonymous: true, ${one}`, true, true],
    ['nobody may call without a source of credentials', 'anonymous: auto', false, false],
  ])('%s', async (_name, security, withoutKey, withKey) => {
    const gateway = await start(security);
    try {
      for (const [, ask, unauthenticated] of surfaces) {
        const without = await ask(gateway.port, {});
        expect(without.code).toBe(withoutKey ? 'OK' : unauthenticated);
        const withIt = await ask(gateway.port, { 'x-api-key': keys.alice });
        expect(withIt.code).toBe(withKey ? 'OK' : unauthenticated);
        if (withKey) expect((await ask(gateway.port, { 'x-api-key': 'bad' })).code).toBe(unauthenticated);
      }
    } finally {
      await gateway.stop();
    }
  });
});

describe('JSON Web Tokens', () => {
  let issuer: TokenIssuer;
  let gateway: TestGateway;
  beforeAll(async () => {
    issuer = await tokenIssuer();
    gateway = await startGateway(`
providers: { sim: { type: simulator, models: [sim] } }
models:
  - { name: fast, targets: [{ provider: sim, model: sim }] }
  - { name: slow, targets: [{ provider: sim, model: sim }] }
security:
  anonymous: false
  api_keys: [{ name: bob-ci, user: bob, sha256: ${sha256(keys.bob)} }]
  jwt: { issuer: https://issuer.example, audience: llm-bridge, jwks_url: "${issuer.url}", models_claim: models }
`);
  });
  afterAll(async () => {
    await gateway.stop();
    await issuer.close();
  });

  const claims = () => ({
    iss: 'https://issuer.example',
    aud: 'llm-bridge',
    sub: 'alice',
    models: ['fast'],
    exp: Math.floor(Date.now() / 1000) + 60,
  });
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

  test.each(surfaces)('%s', async (_name, ask, unauthenticated, forbidden) => {
    const token = await issuer.sign(claims());
    const before = gateway.log.length;
    expect(await ask(gateway.port, bearer(token))).toEqual(ok);
    expect(await ask(gateway.port, { 'x-api-key': token })).toEqual(ok);
    const line = gateway.log.slice(before).find((each) => each['msg'] === 'call');
    expect(line).toMatchObject({ auth: 'jwt', user: 'alice', credential: issuer.key.kid });
    expect((await ask(gateway.port, bearer(token), 'slow')).code).toBe(forbidden);
    expect(await ask(gateway.port, { 'x-api-key': keys.bob }, 'slow')).toEqual(ok);

    const refused = { code: unauthenticated, message: 'the credential is not valid' };
    const past = { ...claims(), exp: Math.floor(Date.now() / 1000) - 60 };
    expect(await ask(gateway.port, bearer(await issuer.sign(past)))).toEqual(refused);
    expect(await ask(gateway.port, bearer(await issuer.sign({ ...claims(), aud: 'other' })))).toEqual(refused);
    const requests = issuer.requests;
    const strangers = Array.from({ length: 10 }, () => issuer.sign(claims(), signingKey()).then(bearer));
    const told = await Promise.all(strangers.map(async (headers) => ask(gateway.port, await headers)));
    expect(told).toEqual(told.map(() => refused));
    expect(issuer.requests).toBe(requests);
    expect(JSON.stringify(gateway.log)).not.toContain(token);
  });
});

describe('groups', () => {
  test.each(surfaces)(
    '%s: whoever is in one may ask for its models',
    async (_name, ask, unauthenticated, forbidden) => {
      const issuer = await tokenIssuer();
      const gateway = await startGateway(`
providers: { sim: { type: simulator, models: [sim] } }
models:
  - { name: fast, targets: [{ provider: sim, model: sim }] }
  - { name: slow, targets: [{ provider: sim, model: sim }] }
security:
  anonymous: false
  groups: { staff: { models: [fast] }, research: { models: [slow] }, admins: {} }
  api_keys: [{ name: bob-ci, user: bob, groups: [research], sha256: ${sha256(keys.bob)} }]
  jwt: { jwks_url: "${issuer.url}", groups_claim: groups }
`);
      try {
        const bearer = async (groups: unknown) => ({
          authorization: `Bearer ${await issuer.sign({ sub: 'alice', groups, exp: Math.floor(Date.now() / 1000) + 60 })}`,
        });
        const codes = async (headers: Headers) =>
          Promise.all(['fast', 'slow', 'sim/sim'].map(async (model) => (await ask(gateway.port, headers, model)).code));
        expect(await codes(await bearer(['staff', 'others']))).toEqual(['OK', forbidden, forbidden]);
        expect(await codes(await bearer('staff research'))).toEqual(['OK', 'OK', forbidden]);
        expect(await codes(await bearer(['admins']))).toEqual(['OK', 'OK', 'OK']);
        expect(await codes(await bearer(undefined))).toEqual([forbidden, forbidden, forbidden]);
        expect(await codes({ 'x-api-key': keys.bob })).toEqual([forbidden, 'OK', forbidden]);
        expect(await codes({ authorization: 'Bearer a.b.c' })).toEqual(Array(3).fill(unauthenticated));
      } finally {
        await gateway.stop();
        await issuer.close();
      }
    },
  );
});

describe('client certificates', () => {
  const made = certificates();
  const server = made.selfSigned('localhost', 'DNS:localhost,IP:127.0.0.1');
  const alice = made.selfSigned('alice', 'URI:spiffe://example.org/alice');
  const nameless = made.selfSigned('nameless', 'URI:https://example.org/alice');
  const authorities = join(dirname(server.certFile), 'authorities.pem');
  writeFileSync(authorities, Buffer.concat([alice.cert, nameless.cert]));
  afterAll(() => made.remove());

  const start = (security: string) =>
    startGateway(`
server: { host: 0.0.0.0, tls: { cert: ${server.certFile}, key: ${server.keyFile}, client_ca: ${authorities} } }
providers: { sim: { type: simulator, models: [sim] } }
security: { ${security} }
`);

  const overJson = (port: number, own: Partial<Credentials>, headers: Headers = {}) =>
    new Promise<number>((resolve, reject) => {
      const options = { ca: server.cert, headers, agent: false, ...(own.cert && { cert: own.cert, key: own.key }) };
      https
        .get(`https://localhost:${port}/v1/models`, options, (reply) => {
          reply.resume();
          resolve(reply.statusCode ?? 0);
        })
        .once('error', reject);
    });

  const overGrpc = async (port: number, { key, cert }: Partial<Credentials>) => {
    const client = new ChatServiceClient(
      `localhost:${port}`,
      credentials.createSsl(server.cert, key ?? null, cert ?? null),
    );
    const message = ChatCompletionRequest.fromPartial({ model: 'sim', messages: [{ role: 3, content: 'Hello' }] });
    try {
      await promisify((done: (error: ServiceError | null) => void) => client.chatCompletion(message, done))();
      return 'OK';
    } catch (thrown) {
      return failureOf(thrown as ServiceError).code;
    } finally {
      client.close();
    }
  };

  test.each([
    ['spiffe', 'spiffe://example.org/alice', 401, 'UNAUTHENTICATED'],
    ['subject', 'alice', 200, 'OK'],
  ])('name the user by %s', async (from, user, otherStatus, otherCode) => {
    const gateway = await start(`mtls: { user_from: ${from} }`);
    try {
      expect(await overJson(gateway.port, alice)).toBe(200);
      expect(await overGrpc(gateway.port, alice)).toBe('OK');
      const lines = gateway.log.filter((each) => each['msg'] === 'call');
      expect(lines).toEqual(lines.map(() => expect.objectContaining({ auth: 'mtls', user })));
      expect(lines).toHaveLength(2);
      expect(await overJson(gateway.port, nameless)).toBe(otherStatus);
      expect(await overGrpc(gateway.port, nameless)).toBe(otherCode);
      expect(await overJson(gateway.port, {})).toBe(401);
      expect(await overGrpc(gateway.port, {})).toBe('UNAUTHENTICATED');
      // SDKs always send some key; where none is configured, it is the certificate that counts.
      expect(await overJson(gateway.port, alice, { authorization: 'Bearer sk-unused' })).toBe(200);
      expect(await overJson(gateway.port, {}, { authorization: 'Bearer sk-unused' })).toBe(401);
    } finally {
      await gateway.stop();
    }
  });

  test('a token comes before the certificate, and a bad one is refused', async () => {
    const gateway = await start(
      `mtls: { user_from: spiffe }, api_keys: [{ name: b, user: bob, sha256: ${sha256(keys.bob)} }]`,
    );
    try {
      expect(await overJson(gateway.port, alice, { 'x-api-key': 'bad' })).toBe(401);
      expect(await overJson(gateway.port, alice, { 'x-api-key': keys.bob })).toBe(200);
      expect(gateway.log.at(-1)).toMatchObject({ auth: 'api-key', user: 'bob' });
      expect(await overJson(gateway.port, alice)).toBe(200);
      expect(gateway.log.at(-1)).toMatchObject({ auth: 'mtls' });
    } finally {
      await gateway.stop();
    }
  });
});

test.each([
  ['true', '[]', 200, 200],
  ['false', '[]', 200, 200],
  ['true', apiKeys, 200, 200],
  ['false', apiKeys, 401, 200],
])('metrics that are public: %s, with the keys %s', async (isPublic, configured, withoutKey, withKey) => {
  const gateway = await startGateway(`
providers: { sim: { type: simulator, models: [sim] } }
monitoring: { metrics: { public: ${isPublic} } }
security:
  anonymous: true
  api_keys: ${configured}
`);
  try {
    const page = (headers: Headers) => fetch(`${gateway.url}/metrics`, { headers });
    expect((await page({})).status).toBe(withoutKey);
    const read = await page({ 'x-api-key': keys.bob });
    expect(read.status).toBe(withKey);
    expect(read.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(await read.text()).toContain('llmbridge_build_info');
    if (configured !== '[]')
      expect((await page({ 'x-api-key': keys.old })).status).toBe(isPublic === 'true' ? 200 : 401);
  } finally {
    await gateway.stop();
  }
});

test('who guesses is slowed, then refused, and counted; the good are not', async () => {
  const gateway = await startGateway(`
providers: { sim: { type: simulator, models: [sim] } }
models: [{ name: fast, targets: [{ provider: sim, model: sim }] }]
security:
  api_keys:${apiKeys}
  failed_attempts: { free: 2, interval: 1s, max_wait: 1500ms }
`);
  try {
    const alice = { 'x-api-key': keys.alice };
    expect((await json(gateway.port, { 'x-api-key': 'guess' })).code).toBe(401);
    expect(await json(gateway.port, alice)).toEqual(ok);
    const guesses = Array.from({ length: 30 }, (_, i) => json(gateway.port, { 'x-api-key': `guess${i}` }));
    expect(await json(gateway.port, alice)).toEqual(ok);
    const codes = (await Promise.all(guesses)).map(({ code }) => code);
    const count = (code: number) => codes.filter((each) => each === code).length;
    expect(count(401) + count(429)).toBe(30);
    expect(count(429)).toBeGreaterThan(20);
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    const metric = (name: string) =>
      Number(new RegExp(`^llmbridge_credentials_${name}_total (\\d+)$`, 'm').exec(metrics)?.[1]);
    expect(metric('failed')).toBe(1 + count(401));
    expect(metric('refused')).toBe(count(429));
    expect(metric('slowed')).toBeGreaterThan(0);
  } finally {
    await gateway.stop();
  }
});

test.each([
  ['mtls: { user_from: spiffe }', 'security.mtls.user_from'],
  ['jwt: { issuer: https://issuer.example }', 'security.jwt.issuer'],
  ['groups: { staff: {} }', 'security.groups'],
  [
    `groups: { staff: {} }, api_keys: [{ name: a, user: a, groups: [stuff], sha256: ${sha256('a')} }]`,
    'there is no group "stuff"',
  ],
])('half a source of credentials is no configuration: %s', async (security, path) => {
  const started = startGateway(`providers: { sim: { type: simulator } }\nsecurity: { ${security} }`);
  await expect(started).rejects.toThrow(path);
});
