import { describe, expect, test } from 'vitest';
import type { Headers, Principal } from '../kernel/call.ts';
import { systemClock } from '../kernel/clock.ts';
import { Fault, type FaultReason } from '../kernel/fault.ts';
import { createGate, type GateOptions } from './authenticate.ts';
import type { CredentialSource } from './credential.ts';
import { failedAttempts } from './testing/failed-attempts.ts';
import { openedCall } from './testing/opened-call.ts';

const chat = '/llmbridge.v1.ChatService/ChatCompletion';
const health = [
  '/llmbridge.v1.HealthService/CheckHealth',
  '/grpc.health.v1.Health/Check',
  '/grpc.health.v1.Health/Watch',
];
const reflection = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';

const alice: Principal = { user: 'alice', method: 'api-key', credential: 'laptop' };
const source: CredentialSource = {
  identify: (_call, presented) => (presented === 'good' ? alice : undefined),
};
const slow: CredentialSource = {
  identify: async (_call, presented) => {
    if (presented === 'expired') throw new Fault('CREDENTIAL_INVALID', 'expired');
    return presented === 'slow' ? { ...alice, method: 'jwt' } : undefined;
  },
};

const gate = (options: Partial<GateOptions>) =>
  createGate({
    anonymous: 'auto',
    host: '127.0.0.1',
    sources: [],
    attempts: failedAttempts(systemClock),
    allowedHosts: [],
    corsOrigins: [],
    ...options,
  });

const open = (headers: Headers = {}, method = chat) => openedCall({ method, headers });

/** The user let in (empty for an anonymous one), or the reason for refusing. */
async function verdict(options: Partial<GateOptions>, headers: Headers = {}, method = chat): Promise<string> {
  const call = open(headers, method);
  try {
    await gate(options).authenticate(call);
    return call.principal.user;
  } catch (thrown) {
    expect(call.principal.method).toBe('anonymous');
    return Fault.from(thrown).reason;
  }
}

const missing: FaultReason = 'CREDENTIAL_MISSING';
const invalid: FaultReason = 'CREDENTIAL_INVALID';
const foreign: FaultReason = 'ORIGIN_FORBIDDEN';

describe('without a credential source', () => {
  test.each<[GateOptions['anonymous'], string, string]>([
    ['auto', '127.0.0.1', ''],
    ['auto', '::1', ''],
    ['auto', 'localhost', ''],
    ['auto', '0.0.0.0', missing],
    ['auto', '::', missing],
    ['auto', '192.0.2.7', missing],
    [true, '0.0.0.0', ''],
    [false, '127.0.0.1', missing],
  ])('anonymous %s on %s', async (anonymous, host, expected) => {
    expect(await verdict({ anonymous, host })).toBe(expected);
    expect(await verdict({ anonymous, host }, { authorization: 'Bearer whatever', 'x-api-key': 'x' })).toBe(expected);
    for (const method of health) expect(await verdict({ anonymous, host }, {}, method)).toBe('');
  });

  test('the verdict comes in the same turn', () => {
    expect(gate({}).authenticate(open())).toBeUndefined();
    expect(() => gate({ anonymous: false }).authenticate(open())).toThrow(Fault);
  });
});

describe('with credential sources', () => {
  const sources = [source, slow];

  test.each<[Headers, string]>([
    [{ authorization: 'Bearer good' }, 'alice'],
    [{ authorization: 'bearer  good ' }, 'alice'],
    [{ 'x-api-key': 'good' }, 'alice'],
    [{ authorization: 'Bearer slow' }, 'alice'],
    [{ authorization: 'Bearer bad' }, invalid],
    [{ authorization: 'Bearer expired' }, invalid],
    [{ authorization: 'Basic good' }, invalid],
    [{ authorization: '' }, invalid],
    [{ 'x-api-key': '' }, invalid],
  ])('%o', async (headers, expected) => {
    for (const host of ['127.0.0.1', '0.0.0.0']) expect(await verdict({ sources, host }, headers)).toBe(expected);
  });

  test('no credential is let in where anonymous calls are', async () => {
    expect(await verdict({ sources })).toBe('');
    expect(await verdict({ sources, anonymous: false })).toBe(missing);
    expect(await verdict({ sources, host: '0.0.0.0' })).toBe(missing);
    expect(await verdict({ sources, host: '0.0.0.0', anonymous: true })).toBe('');
  });

  test('health needs none, and a bad one does no harm', async () => {
    for (const method of health) {
      expect(await verdict({ sources, host: '0.0.0.0' }, { authorization: 'Bearer expired' }, method)).toBe('');
    }
  });

  test('reflection off loopback needs one, whatever anonymous says', async () => {
    const options = { sources, anonymous: true, host: '0.0.0.0' };
    expect(await verdict(options, {}, reflection)).toBe(missing);
    expect(await verdict(options, { authorization: 'Bearer good' }, reflection)).toBe('alice');
    expect(await verdict({ sources }, {}, reflection)).toBe('');
  });

  test('a page of another site with a valid credential is let in', async () => {
    expect(await verdict({ sources }, { authorization: 'Bearer good', host: 'evil.example' })).toBe('alice');
  });
});

describe('an anonymous port on loopback', () => {
  test.each<[Headers, string]>([
    [{ host: 'localhost:8080' }, ''],
    [{ host: '127.1.2.3:1' }, ''],
    [{ host: '[::1]:8080' }, ''],
    [{ ':authority': 'LOCALHOST:9' }, ''],
    [{ host: 'evil.example' }, foreign],
    [{ host: 'localhost.evil.example:8080' }, foreign],
    [{ host: '' }, foreign],
    [{ ':authority': 'evil.example:8080' }, foreign],
    [{ ':authority': 'localhost', host: 'evil.example' }, foreign],
    [{ host: 'gateway.internal' }, ''],
    [{ host: 'gateway.internal:8080' }, ''],
    [{ host: 'with.port:81' }, ''],
    [{ host: 'with.port:82' }, foreign],
    [{ host: 'localhost', origin: 'http://localhost:3000' }, ''],
    [{ host: 'localhost', origin: 'https://app.example' }, ''],
    [{ host: 'localhost', origin: 'https://app.example:444' }, foreign],
    [{ host: 'localhost', origin: 'https://evil.example' }, foreign],
    [{ host: 'localhost', origin: 'http://localhost@evil.example' }, foreign],
    [{ host: 'localhost', origin: 'null' }, foreign],
  ])('%o', async (headers, expected) => {
    const options = { allowedHosts: ['Gateway.internal', 'with.port:81'], corsOrigins: ['https://app.example'] };
    expect(await verdict(options, headers)).toBe(expected);
    for (const method of health) expect(await verdict(options, headers, method)).toBe(expected);
  });

  test('a good host does not open the door for the next', () => {
    const one = gate({});
    one.authenticate(open({ host: 'localhost' }));
    expect(() => one.authenticate(open({ host: 'evil.example' }))).toThrow('evil.example');
    expect(() => one.authenticate(open({ host: 'evil.example' }))).toThrow('evil.example');
  });

  test('CORS for all origins lets all pages in, under a name of this machine', async () => {
    expect(await verdict({ corsOrigins: ['*'] }, { host: 'localhost', origin: 'https://any.example' })).toBe('');
    expect(await verdict({ corsOrigins: ['*'] }, { host: 'evil.example' })).toBe(foreign);
  });

  test('off loopback the host is whatever it is', async () => {
    expect(
      await verdict({ host: '0.0.0.0', anonymous: true }, { host: 'api.example', origin: 'https://x.example' }),
    ).toBe('');
  });
});
