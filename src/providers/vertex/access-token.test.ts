import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import type { HttpRequest } from '../../kernel/upstream.ts';
import { accessToken } from './access-token.ts';

const request: HttpRequest = { method: 'POST', path: '/', headers: { a: 'b' }, body: '' };
const settings = { name: 'gcp', basePath: '', headers: {}, options: { project: 'p' } };

afterEach(() => vi.unstubAllEnvs());

test('a token of the application default credentials is added, and kept', async () => {
  let asked = 0;
  const server = createServer((_, reply) => {
    asked++;
    reply.setHeader('content-type', 'application/json');
    reply.end(JSON.stringify({ access_token: 'token', expires_in: 3600, token_type: 'Bearer' }));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const file = join(mkdtempSync(join(tmpdir(), 'adc-')), 'adc.json');
  writeFileSync(
    file,
    JSON.stringify({
      type: 'external_account',
      audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/p',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: `http://127.0.0.1:${port}/token`,
      credential_source: { file },
    }),
  );
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', file);
  const sign = accessToken(settings);
  try {
    for (let i = 0; i < 2; i++) {
      expect((await sign(request, 'h', 0)).headers).toEqual({ a: 'b', authorization: 'Bearer token' });
    }
    expect(asked).toBe(1);
  } finally {
    server.close();
  }
});

test('a request with a token goes as it is', async () => {
  const own = { ...request, headers: { authorization: 'Bearer own' } };
  expect(await accessToken(settings)(own, 'h', 0)).toBe(own);
});

test('without credentials the fault names the provider, not their place', async () => {
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', '/nowhere/adc.json');
  await expect(accessToken(settings)(request, 'h', 0)).rejects.toMatchObject({
    reason: 'PROVIDER_CREDENTIAL',
    message: 'no Google credentials for the provider gcp',
    detail: { blame: 'credential' },
  });
});
