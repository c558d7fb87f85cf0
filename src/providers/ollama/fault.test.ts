import { expect, test } from 'vitest';
import { fault } from './fault.ts';

test.each([
  [400, '{"error":"invalid character"}', 'PROVIDER_REJECTED', 'caller'],
  [400, '{"error":"prompt too long; exceeded max context length by 9 tokens"}', 'CONTEXT_LENGTH_EXCEEDED', 'context'],
  [401, '{"error":"unauthorized","signin_url":"https://x"}', 'PROVIDER_CREDENTIAL', 'credential'],
  [404, '{"error":"model \'x\' not found"}', 'MODEL_NOT_FOUND', 'target'],
  [429, '{"error":"too many requests"}', 'PROVIDER_RATE_LIMITED', 'limit'],
  [500, '{"error":"model requires more system memory"}', 'PROVIDER_UNAVAILABLE', 'provider'],
  [503, '{"error":"server busy, please try again"}', 'PROVIDER_UNAVAILABLE', 'provider'],
  [502, '<html></html>', 'PROVIDER_UNAVAILABLE', 'provider'],
])('%i %s', (status, body, reason, blame) => {
  const failure = { status, headers: { 'retry-after': '2' }, body: Buffer.from(body), now: 0 };
  expect(fault(failure)).toMatchObject({ reason, detail: { blame, status, retryAfterMs: 2000 } });
});
