import { expect, test } from 'vitest';
import { fault } from './fault.ts';

test.each([
  [400, '{"id":"1","message":"invalid request: missing messages"}', 'PROVIDER_REJECTED', 'caller'],
  [
    400,
    '{"message":"too many tokens: total number of tokens in the prompt cannot exceed 4081"}',
    'CONTEXT_LENGTH_EXCEEDED',
    'context',
  ],
  [401, '{"message":"invalid api token"}', 'PROVIDER_CREDENTIAL', 'credential'],
  [402, '{"message":"add a payment method"}', 'PROVIDER_CREDENTIAL', 'credential'],
  [404, '{"message":"model \'x\' not found"}', 'MODEL_NOT_FOUND', 'target'],
  [422, '{"message":"all elements in history must have a message"}', 'PROVIDER_REJECTED', 'caller'],
  [429, '{"message":"You are using a Trial key"}', 'PROVIDER_RATE_LIMITED', 'limit'],
  [498, '{"message":"blocked input: please adjust your prompt"}', 'CONTENT_REJECTED', 'content'],
  [500, '{"message":"internal server error"}', 'PROVIDER_UNAVAILABLE', 'provider'],
  [503, 'upstream connect error', 'PROVIDER_UNAVAILABLE', 'provider'],
])('%i %s', (status, body, reason, blame) => {
  const failure = { status, headers: { 'retry-after': '2' }, body: Buffer.from(body), now: 0 };
  expect(fault(failure)).toMatchObject({ reason, detail: { blame, status, retryAfterMs: 2000 } });
});
