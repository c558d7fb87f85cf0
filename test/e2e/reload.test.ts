import { spawn } from 'node:child_process';
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import http2 from 'node:http2';
import type { Socket } from 'node:net';
import tls from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Certificates, type Credentials, certificates } from '../support/certificates.ts';
import { serve } from '../support/process.ts';
import { recordingProvider } from '../support/recording-provider.ts';
import { type ConfigFolder, configFolder, type ReloadableGateway, startReloadable } from '../support/reloadable.ts';
import { SealedCaller } from '../support/sealed-caller.ts';
import { sealedSurfaces } from '../support/sealed-surfaces.ts';

// Keys and certificates that change while the gateway runs: nothing is cut, and nothing half read is taken.

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const own = (key: string) => ({ 'x-api-key': key });
const model = 'sim/sim:tokens=12';

let folder: ConfigFolder;
let gateway: ReloadableGateway | undefined;
beforeEach(() => {
  folder = configFolder();
});
afterEach(async () => {
  await gateway?.stop();
  gateway = undefined;
  folder.remove();
});

/** Starts the gateway from this text; by itself it looks at its files only where `interval` says so. */
async function start(text: string): Promise<ReloadableGateway> {
  folder.write('config.yaml', text);
  gateway = await startReloadable(folder);
  return gateway;
}

/** The status of a chat call, and the code of what is wrong with it. */
async function ask(url: string, headers: Readonly<Record<string, string>>, content = 'Hello'): Promise<string> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model, messages: [{ role: 'user', content }] }),
  });
  const { error } = (await response.json()) as { error?: { code: string | null } };
  return `${response.status} ${error?.code ?? ''}`.trim();
}

/** The sum of the metrics whose name and labels match. */
const metric = async (url: string, name: string): Promise<number> => {
  const page = await (await fetch(`${url}/metrics`)).text();
  const values = [...page.matchAll(new RegExp(`^${name} (.*)$`, 'gm'))].map(([, value]) => Number(value));
  return values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value);
};

describe('API keys', () => {
  const text = (keys: readonly string[], more = '') =>
    `server: { reload_interval: 0 }\nproviders: { sim: { type: simulator, models: [sim] } }\nsecurity:\n  api_keys:\n${keys
      .map((key) => `    - { name: ${key}, user: ${key}, sha256: ${sha256(key)} }\n`)
      .join('')}${more}`;

  test('a removed one is refused from the next call on, a new one taken', async () => {
    const { url, reload, log } = await start(text(['one', 'two']));
    expect([await ask(url, own('one')), await ask(url, own('three'))]).toEqual(['200', '401 invalid_api_key']);
    folder.write('config.yaml', text(['two', 'three']));
    // Nothing was read yet.
    expect(await ask(url, own('one'))).toBe('200');
    reload();
    expect(await ask(url, own('one'))).toBe('401 invalid_api_key');
    expect([await ask(url, own('two')), await ask(url, own('three'))]).toEqual(['200', '200']);
    expect(log).toContainEqual(
      expect.objectContaining({ event: 'config_reloaded', trigger: 'test', changed: ['security.api_keys'] }),
    );
    expect(JSON.stringify(log)).not.toContain(sha256('three'));
    expect(await metric(url, 'llmbridge_config_reloads_total\\{result="applied"\\}')).toBe(1);
  });

  test.each([
    ['no YAML', () => '{ providers:'],
    ['half a file', () => text(['one', 'two']).slice(0, 120)],
    ['a wrong setting beside a right one', () => text(['two'], 'rate_limit: { global: { requests: many } }\n')],
    ['an unknown setting', () => text(['two'], 'extra: 1\n')],
    ['a secret that is not there', () => text(['two'], 'redis: { url: { file: /nowhere/redis } }\n')],
    ['nobody left who can prove who calls', () => text([]).replace('security:\n  api_keys:\n', '')],
  ])('%s is refused as a whole, and what was before stays', async (_name, broken) => {
    const { url, reload, log } = await start(text(['one']));
    folder.write('config.yaml', broken());
    reload();
    expect(log).toContainEqual(expect.objectContaining({ event: 'config_refused', level: 'error' }));
    expect([await ask(url, own('one')), await ask(url, own('two'))]).toEqual(['200', '401 invalid_api_key']);
    expect(await metric(url, 'llmbridge_config_reloads_total\\{result="refused"\\}')).toBe(1);
    expect(await metric(url, 'llmbridge_config_reloads_total\\{result="applied"\\}')).toBe(0);
    folder.write('config.yaml', text(['two']));
    reload();
    expect(await ask(url, own('two'))).toBe('200');
  });

  test('what waits for a restart is named', async () => {
    const { url, reload, log } = await start(text(['one']));
    folder.write(
      'config.yaml',
      `${text(['two']).replace('models: [sim]', 'models: [sim, more]')}rate_limit: { global: { requests: 1/h } }\n`,
    );
    reload();
    expect(log).toContainEqual(
      expect.objectContaining({
        event: 'config_pending',
        level: 'warn',
        paths: ['providers.sim.models', 'rate_limit.global.requests'],
      }),
    );
    for (let i = 0; i < 3; i++) expect(await ask(url, own('two'))).toBe('200');
  });
});

describe('sealing keys', () => {
  const [one, two] = [randomBytes(32), randomBytes(32)];
  const key = 'llmb-reload';
  const text = (...states: readonly string[]) => `
server: { reload_interval: 0 }
providers: { sim: { type: simulator, models: [sim] } }
security:
  api_keys: [{ name: laptop, user: alice, sha256: ${sha256(key)} }]
  sealing: { keys: [${[one, two]
    .map((secret, i) => `{ id: k${i + 1}, secret: "${secret.toString('base64')}", state: ${states[i]} }`)
    .filter((_, i) => states[i] !== undefined)
    .join(', ')}] }
`;
  const by = (secret: Uint8Array, id: string) =>
    sealedSurfaces({ caller: new SealedCaller(secret, id, 'alice'), headers: own(key), word: 'word' }).all;

  test('rotate: the new one is taken, the old one still; then the old one is as unknown as any', async () => {
    const { url, reload } = await start(text('active'));
    const surfaces = by(one, 'k1').map((old, i) => ({ old, fresh: by(two, 'k2')[i] ?? old }));
    const told = async ({ old, fresh }: (typeof surfaces)[number], stream: boolean) => [
      (await old.send(url, stream, await old.seal(stream, model))).reason,
      (await fresh.send(url, stream, await fresh.seal(stream, model))).reason,
    ];
    for (const each of surfaces) expect(await told(each, false)).toEqual(['', 'SEAL_INVALID']);
    folder.write('config.yaml', text('retired', 'active'));
    reload();
    for (const each of surfaces) expect(await told(each, true)).toEqual(['', '']);
    folder.write('config.yaml', text('revoked', 'active'));
    reload();
    for (const each of surfaces) expect(await told(each, true)).toEqual(['SEAL_INVALID', '']);
    const [json] = by(randomBytes(32), 'k9').slice(-1);
    const [revoked] = by(one, 'k1').slice(-1);
    if (json === undefined || revoked === undefined) throw new Error('no surface');
    expect(await revoked.send(url, false, await revoked.seal(false, model))).toEqual(
      await json.send(url, false, await json.seal(false, model)),
    );
  });

  test('a stream that is open when its key is revoked comes to its end', async () => {
    const { url, reload, log } = await start(text('active'));
    for (const { seal, send } of by(one, 'k1')) {
      folder.write('config.yaml', text('active'));
      reload();
      const running = send(url, true, await seal(true, 'sim/sim:ttft=150ms,tokens=20,tps=200'));
      // Opened, and at the simulator.
      const before = log.length;
      await expect.poll(() => metric(url, 'llmbridge_target_attempts_in_flight\\{.*\\}')).toBe(1);
      folder.write('config.yaml', text('revoked', 'active'));
      reload();
      expect(await running).toMatchObject({ reason: '', whole: true });
      expect(log.slice(before).findIndex((line) => line['event'] === 'config_reloaded')).toBeLessThan(
        log.slice(before).findIndex((line) => line['msg'] === 'call'),
      );
    }
  });
});

describe('files', () => {
  const text = (interval: string) => `
server: { reload_interval: ${interval} }
providers: { sim: { type: simulator, models: [sim] } }
security:
  api_keys: [{ name: laptop, user: alice, sha256: ${sha256('one')} }]
  sealing: { keys: [{ id: k1, secret: { file: ${folder.path('mounted/seal')} } }] }
`;
  const jsonBy = (secret: Uint8Array) =>
    sealedSurfaces({ caller: new SealedCaller(secret, 'k1', 'alice'), headers: own('one'), word: 'word' }).json;
  const reasonOf = async (url: string, secret: Uint8Array) => {
    const json = jsonBy(secret);
    return (await json.send(url, false, await json.seal(false, model))).reason;
  };

  test('a secret that Kubernetes mounts is read anew when its link is swapped', async () => {
    const [one, two] = [randomBytes(32), randomBytes(32)];
    folder.mount('mounted', { seal: one.toString('base64') });
    const { url, logged } = await start(text('20ms'));
    expect([await reasonOf(url, one), await reasonOf(url, two)]).toEqual(['', 'SEAL_INVALID']);
    const reloaded = logged('config_reloaded');
    folder.mount('mounted', { seal: two.toString('hex') });
    expect(await reloaded).toMatchObject({ trigger: 'files', changed: ['security.sealing.keys'] });
    expect([await reasonOf(url, one), await reasonOf(url, two)]).toEqual(['SEAL_INVALID', '']);
  });

  test('a bad one is told once, and taken once it is good', async () => {
    const [one, two] = [randomBytes(32), randomBytes(32)];
    folder.mount('mounted', { seal: one.toString('base64') });
    const { url, log, logged } = await start(text('20ms'));
    const refused = logged('config_refused');
    folder.mount('mounted', { seal: 'short' });
    expect((await refused)['problems']).toContain('security.sealing.keys[0].secret');
    expect(await reasonOf(url, one)).toBe('');
    const reloaded = logged('config_reloaded');
    folder.mount('mounted', { seal: two.toString('base64') });
    await reloaded;
    expect(await reasonOf(url, two)).toBe('');
    expect(log.filter((line) => line['event'] === 'config_refused')).toHaveLength(1);
    expect(JSON.stringify(log)).not.toContain('short');
  });

  test("a provider's key is used from the next request on", async () => {
    const provider = await recordingProvider();
    try {
      folder.mount('mounted', { key: 'sk-one\n' });
      const { url, reload, log } = await start(`
server: { reload_interval: 0 }
providers:
  sim: { type: openai, base_url: "${provider.baseUrl}", api_keys: [{ file: ${folder.path('mounted/key')} }], list_models: false }
`);
      expect(await ask(url, {})).toBe('200');
      folder.mount('mounted', { key: 'sk-two\n' });
      reload();
      expect(await ask(url, {})).toBe('200');
      expect(provider.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer sk-one', 'Bearer sk-two']);
      expect(log).toContainEqual(expect.objectContaining({ changed: ['providers.sim.api_keys'] }));
    } finally {
      await provider.close();
    }
  });

  test.each([1, 2])('SIGHUP has a served configuration read by %i processes', async (workers) => {
    const config = (key: string) => `
server: { reload_interval: 0, workers: ${workers} }
providers: { sim: { type: simulator, models: [sim] } }
security: { api_keys: [{ name: laptop, user: alice, sha256: ${sha256(key)} }] }
`;
    folder.write('config.yaml', config('one'));
    const served = await serve(
      process.execPath,
      ['src/main.ts', 'serve', '--config', folder.config],
      /"event":"started".*"port":(\d+)/,
      { env: { LLMBRIDGE_SERVER__PORT: '0', LLMBRIDGE_MONITORING__LOG__LEVEL: 'info' } },
    );
    try {
      const url = `http://127.0.0.1:${served.match[1]}`;
      expect(await ask(url, own('one'))).toBe('200');
      folder.write('config.yaml', config('two'));
      served.child.kill('SIGHUP');
      const reloads = () => served.output().split('"event":"config_reloaded"').length - 1;
      await expect.poll(reloads, { timeout: 5_000 }).toBe(workers);
      for (let i = 0; i < workers; i++)
        expect([await ask(url, own('one')), await ask(url, own('two'))]).toEqual(['401 invalid_api_key', '200']);
    } finally {
      expect(await served.stop()).toBe(0);
    }
  });
});

test('who closes the terminal that a gateway runs in ends it', async () => {
  folder.write('config.yaml', 'server: { port: 0 }\nproviders: { sim: { type: simulator } }');
  const command = `${process.execPath} src/main.ts serve --config ${folder.config}`;
  const terminal = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['ignore', 'pipe', 'ignore'] });
  let told = '';
  terminal.stdout.setEncoding('utf8').on('data', (text: string) => {
    told += text;
  });
  await expect.poll(() => told, { timeout: 10_000 }).toMatch(/"event":"started".*"port":(\d+)/);
  const url = `http://127.0.0.1:${/"event":"started".*"port":(\d+)/.exec(told)?.[1]}/health/live`;
  expect((await fetch(url)).status).toBe(200);
  terminal.kill('SIGKILL');
  await expect.poll(() => fetch(url).catch(() => 'ended'), { timeout: 10_000 }).toBe('ended');
});

describe('the certificate', () => {
  let made: Certificates;
  beforeEach(() => {
    made = certificates();
  });
  afterEach(() => made.remove());

  const text = () => `
server: { reload_interval: 20ms, tls: { cert: ${folder.path('tls/crt')}, key: ${folder.path('tls/key')} } }
providers: { sim: { type: simulator, models: [sim] } }
`;
  const commonName = (socket: tls.TLSSocket) => socket.getPeerCertificate().subject.CN;
  const presented = async (port: number): Promise<unknown> => {
    const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const name = commonName(socket);
    socket.destroy();
    return name;
  };
  const get = async (session: http2.ClientHttp2Session, path: string): Promise<string> => {
    const stream = session.request({ ':path': path }).setEncoding('utf8');
    let body = '';
    for await (const piece of stream) body += piece;
    return body;
  };
  const expiry = async (session: http2.ClientHttp2Session): Promise<number> => {
    const page = await get(session, '/metrics');
    return Number(/^llmbridge_tls_certificate_expiry_timestamp_seconds (.*)$/m.exec(page)?.[1]);
  };
  const endOf = ({ cert }: Credentials) => new X509Certificate(cert).validToDate.getTime() / 1000;

  test('is presented to new connections, and the open ones live on', async () => {
    const [one, two] = [made.selfSigned('one', 'DNS:localhost'), made.selfSigned('two', 'DNS:localhost', 9)];
    folder.mount('tls', { crt: one.cert, key: one.key });
    const { port, logged } = await start(text());
    const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
    try {
      expect(await expiry(session)).toBe(endOf(one));
      const reloaded = logged('config_reloaded');
      folder.mount('tls', { crt: two.cert, key: two.key });
      expect((await reloaded)['changed']).toEqual(['server.tls.cert', 'server.tls.key']);
      expect(await presented(port)).toBe('two');
      expect(await expiry(session)).toBe(endOf(two));
      // The session's socket is a stand-in that tells the certificate all the same.
      expect(commonName(session.socket as Socket as tls.TLSSocket)).toBe('one');
    } finally {
      session.close();
    }
  });

  test('is refused with another key than its own, and taken with it', async () => {
    const [one, two] = [made.selfSigned('one', 'DNS:localhost'), made.selfSigned('two', 'DNS:localhost')];
    folder.mount('tls', { crt: one.cert, key: one.key });
    const { port, logged } = await start(text());
    const refused = logged('config_refused');
    folder.mount('tls', { crt: two.cert, key: one.key });
    expect((await refused)['problems']).toContain('server.tls.key');
    expect(await presented(port)).toBe('one');
    const reloaded = logged('config_reloaded');
    folder.mount('tls', { crt: two.cert, key: two.key });
    await reloaded;
    expect(await presented(port)).toBe('two');
  });

  test('of another authority is asked of clients that connect anew, those that come back to a session too', async () => {
    const server = made.selfSigned('server', 'DNS:localhost');
    const [alice, bob] = [made.selfSigned('alice', 'DNS:alice'), made.selfSigned('bob', 'DNS:bob')];
    folder.mount('tls', { crt: server.cert, key: server.key, ca: alice.cert });
    const { port, logged } = await start(`
server: { reload_interval: 20ms, tls: { cert: ${folder.path('tls/crt')}, key: ${folder.path('tls/key')}, client_ca: ${folder.path('tls/ca')} } }
providers: { sim: { type: simulator, models: [sim] } }
security: { anonymous: false, mtls: { user_from: subject } }
`);
    let session: Buffer | undefined;
    /** The first line of what came, or nothing where the connection was closed. */
    const models = async ({ cert, key }: Credentials, again?: Buffer): Promise<string> => {
      const socket = tls.connect({
        port,
        host: '127.0.0.1',
        rejectUnauthorized: false,
        cert,
        key,
        ...(again && { session: again }),
      });
      socket
        .on('error', () => {})
        .on('session', (ticket) => {
          session = ticket;
        });
      socket.write('GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
      let text = '';
      socket.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      await new Promise((resolve) => socket.once('close', resolve));
      return text.split('\r\n', 1)[0] ?? '';
    };
    expect([await models(alice), await models(bob)]).toEqual(['HTTP/1.1 200 OK', '']);
    await models(alice);
    const kept = session;
    expect(await models(alice, kept)).toBe('HTTP/1.1 200 OK');
    const reloaded = logged('config_reloaded');
    folder.mount('tls', { crt: server.cert, key: server.key, ca: bob.cert });
    expect((await reloaded)['changed']).toEqual(['server.tls.client_ca']);
    expect([await models(alice), await models(alice, kept), await models(bob)]).toEqual(['', '', 'HTTP/1.1 200 OK']);
  });
});
