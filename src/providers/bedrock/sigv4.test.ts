import { createHash, createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import type { HttpRequest } from '../../kernel/upstream.ts';
import { sigv4 } from './sigv4.ts';

const credentials = { access_key_id: 'AKIDEXAMPLE', secret_access_key: 'wJalrXUtnFEMI', session_token: 'session' };
const settings = (options: Record<string, unknown>) => ({ name: 'aws', basePath: '', headers: {}, options });
const host = 'bedrock-runtime.eu-west-1.amazonaws.com';
const now = Date.UTC(2026, 0, 2, 3, 4, 5);

const request: HttpRequest = {
  method: 'POST',
  path: '/model/anthropic.claude-v2%3A1/converse',
  headers: { 'content-type': 'application/json' },
  body: '{"messages":[]}',
};

const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
const sha = (text: string) => createHash('sha256').update(text).digest('hex');

/** Signature Version 4 by hand (AWS General Reference, "Create a signed AWS API request"). */
function signatureOf(headers: Readonly<Record<string, string>>, region: string): string {
  const names = Object.keys(headers).sort();
  const canonical = [
    'POST',
    // Each segment is encoded once more, as for every service but S3.
    '/model/anthropic.claude-v2%253A1/converse',
    '',
    ...names.map((name) => `${name}:${headers[name]}`),
    '',
    names.join(';'),
    sha(String(request.body)),
  ].join('\n');
  const scope = `20260102/${region}/bedrock/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', '20260102T030405Z', scope, sha(canonical)].join('\n');
  const parts = ['20260102', region, 'bedrock', 'aws4_request'];
  const key = parts.reduce<string | Buffer>(
    (secret, part) => hmac(secret, part),
    `AWS4${credentials.secret_access_key}`,
  );
  return hmac(key, text).toString('hex');
}

test('a request without a key is signed, by the region of its host', async () => {
  const { headers, path, body } = await sigv4(settings({ credentials }))(request, host, now);
  const { authorization = '', ...rest } = headers;
  const signed = {
    host,
    'content-type': 'application/json',
    'x-amz-content-sha256': sha('{"messages":[]}'),
    'x-amz-date': '20260102T030405Z',
    'x-amz-security-token': 'session',
  };
  expect({ ...rest, host }).toEqual(signed);
  expect(authorization).toBe(
    `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/eu-west-1/bedrock/aws4_request, ` +
      `SignedHeaders=${Object.keys(signed).sort().join(';')}, Signature=${signatureOf(signed, 'eu-west-1')}`,
  );
  expect({ path, body }).toEqual({ path: request.path, body: request.body });
});

test('the region of the options comes first', async () => {
  const { headers } = await sigv4(settings({ credentials, region: 'ap-south-1' }))(request, host, now);
  expect(headers['authorization']).toContain('/ap-south-1/bedrock/');
});

test('a request with a key goes as it is', async () => {
  const withKey = { ...request, headers: { authorization: 'Bearer key' } };
  expect(await sigv4(settings({ credentials }))(withKey, host, now)).toBe(withKey);
});
