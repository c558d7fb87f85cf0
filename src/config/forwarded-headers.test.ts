import { expect, test } from 'vitest';
import { forwardedHeaders } from './forwarded-headers.ts';

const takes = (way: 'request' | 'response', name: string) => forwardedHeaders.safeParse({ [way]: [name] }).success;

test.each(['X-Feature', 'anthropic-beta', 'openai-organization', 'user-agent'])(
  '%s may pass to the provider',
  (name) => {
    expect(forwardedHeaders.parse({ request: [name] })?.request).toEqual([name.toLowerCase()]);
  },
);

test.each(['x-time-spent', 'openai-processing-ms', 'cf-ray'])('%s may pass to the caller', (name) => {
  expect(takes('response', name)).toBe(true);
});

test.each([
  ...['authorization', 'Authorization', 'x-api-key', 'api-key', 'x-goog-api-key', 'cookie', 'x-auth-token'],
  ...['x-amz-security-token', 'x-amz-date', 'proxy-authorization', 'host', 'content-length', 'content-type'],
  ...['connection', 'transfer-encoding', 'te', 'upgrade', 'x-forwarded-for', 'forwarded', 'grpc-timeout'],
  ...['x-llmbridge-anything', 'x-provider-request-id', 'accept-encoding', 'some-bin', 'no name', ''],
])('%s passes neither way', (name) => {
  expect(takes('request', name)).toBe(false);
  expect(takes('response', name)).toBe(false);
});

test.each([
  ...['set-cookie', 'x-request-id', 'retry-after', 'x-ratelimit-limit-requests', 'www-authenticate', 'server'],
  ...['access-control-allow-origin', 'location', 'strict-transport-security'],
])('%s is not taken from a provider under its own name', (name) => {
  expect(takes('response', name)).toBe(false);
});
