import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { HttpRequest } from '../../kernel/upstream.ts';
import { type EntraOptions, entraOptions, entraToken } from './entra.ts';

const request: HttpRequest = { method: 'POST', path: '/', headers: { a: 'b' }, body: '' };
const hour = 3_600_000;

afterEach(() => vi.unstubAllEnvs());

/** A signer with a credential that gives `token-1`, `token-2` ... for an hour each, or fails. */
function signerOf(entra: EntraOptions = {}) {
  const state = { asked: 0, made: 0, scopes: [] as string[], fails: false, at: 0 };
  const sign = entraToken({ name: 'az', basePath: '', headers: {}, options: { entra } }, async () => {
    state.made++;
    return {
      getToken: async (scope: string) => {
        state.scopes.push(scope);
        state.asked++;
        if (state.fails) throw new Error('secret=abc');
        return { token: `token-${state.asked}`, expiresOnTimestamp: state.at + hour };
      },
    };
  });
  if (sign === undefined) throw new Error('no signer');
  const tokenAt = async (now: number) => (await sign(request, 'h', now)).headers['authorization'];
  return { state, sign, tokenAt };
}

describe('Entra ID tokens', () => {
  test('are asked for once, and kept', async () => {
    const { state, tokenAt } = signerOf();
    expect(await Promise.all([tokenAt(0), tokenAt(0)])).toEqual(['Bearer token-1', 'Bearer token-1']);
    expect(await tokenAt(hour / 2)).toBe('Bearer token-1');
    expect(state).toMatchObject({ asked: 1, made: 1, scopes: ['https://cognitiveservices.azure.com/.default'] });
  });

  test('are renewed while the old one still serves', async () => {
    const { state, tokenAt } = signerOf({ scope: 'https://ai.azure.com/.default' });
    await tokenAt(0);
    state.at = hour - 60_000;
    expect(await tokenAt(state.at)).toBe('Bearer token-1');
    await new Promise(setImmediate);
    expect(await tokenAt(state.at)).toBe('Bearer token-2');
    expect(state.scopes).toEqual(['https://ai.azure.com/.default', 'https://ai.azure.com/.default']);
  });

  test('that cannot be renewed serve to their end; then the fault names the provider, not the reason', async () => {
    const { state, sign, tokenAt } = signerOf();
    await tokenAt(0);
    state.fails = true;
    expect(await tokenAt(hour - 60_000)).toBe('Bearer token-1');
    await expect(sign(request, 'h', hour)).rejects.toMatchObject({
      reason: 'PROVIDER_CREDENTIAL',
      message: 'no Entra ID token for the provider az',
      detail: { blame: 'credential' },
    });
    state.fails = false;
    state.at = hour;
    expect(await tokenAt(hour)).toMatch(/^Bearer token-/);
  });

  test('are not put beside a key', async () => {
    const { state, sign } = signerOf();
    const keyed = { ...request, headers: { 'api-key': 'k' } };
    expect(await sign(keyed, 'h', 0)).toBe(keyed);
    expect(state.asked).toBe(0);
  });

  test('need the option, and a secret needs to be told whose it is', () => {
    expect(entraToken({ name: 'az', basePath: '', headers: {}, options: {} })).toBeUndefined();
    expect(entraOptions.safeParse({ client_secret: 's' }).success).toBe(false);
    expect(entraOptions.safeParse({ client_secret: 's', tenant_id: 't', client_id: 'c' }).success).toBe(true);
  });
});

test("without a service principal the machine's identity is asked, through Azure's own library", async () => {
  const asked: (string | undefined)[] = [];
  const server = createServer(({ url }, reply) => {
    asked.push(url);
    reply.setHeader('content-type', 'application/json');
    const inAnHour = Math.floor((Date.now() + hour) / 1000);
    reply.end(JSON.stringify({ access_token: 'mine', expires_on: inAnHour, token_type: 'Bearer', resource: 'r' }));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  vi.stubEnv('IDENTITY_ENDPOINT', `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`);
  vi.stubEnv('IDENTITY_HEADER', 'header');
  try {
    const sign = entraToken({ name: 'az', basePath: '', headers: {}, options: { entra: {} } });
    expect((await sign?.(request, 'h', Date.now()))?.headers).toEqual({ a: 'b', authorization: 'Bearer mine' });
    expect(asked).toEqual([expect.stringContaining('resource=https%3A%2F%2Fcognitiveservices.azure.com')]);
  } finally {
    server.close();
  }
});
