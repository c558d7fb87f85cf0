import { expect, test } from 'vitest';
import { fault } from './fault.ts';

const failure = (status: number, body: string, headers = {}) =>
  fault({ status, headers, body: Buffer.from(body), now: 0 });

const error = (type: string, message: string) => JSON.stringify({ type: 'error', error: { type, message } });

test.each([
  [400, error('invalid_request_error', 'messages: field required'), 'PROVIDER_REJECTED', 'caller'],
  [
    400,
    error('invalid_request_error', 'prompt is too long: 2 tokens > 1 maximum'),
    'CONTEXT_LENGTH_EXCEEDED',
    'context',
  ],
  [
    400,
    error('invalid_request_error', 'input length and `max_tokens` exceed context limit: 1 + 2 > 2'),
    'CONTEXT_LENGTH_EXCEEDED',
    'context',
  ],
  [400, error('invalid_request_error', 'Your credit balance is too low'), 'PROVIDER_CREDENTIAL', 'credential'],
  [400, error('invalid_request_error', 'Output blocked by content filtering policy'), 'CONTENT_REJECTED', 'content'],
  [401, error('authentication_error', 'invalid x-api-key'), 'PROVIDER_CREDENTIAL', 'credential'],
  [402, error('billing_error', 'no money'), 'PROVIDER_CREDENTIAL', 'credential'],
  [403, error('permission_error', 'no'), 'PROVIDER_CREDENTIAL', 'credential'],
  [404, error('not_found_error', 'model: x'), 'MODEL_NOT_FOUND', 'target'],
  [413, error('request_too_large', 'Request exceeds the maximum size'), 'TOO_LARGE', 'caller'],
  [429, error('rate_limit_error', 'slow down'), 'PROVIDER_RATE_LIMITED', 'limit'],
  [500, error('api_error', 'Internal server error'), 'PROVIDER_UNAVAILABLE', 'provider'],
  [529, error('overloaded_error', 'Overloaded'), 'PROVIDER_UNAVAILABLE', 'provider'],
  [502, '<html>Bad Gateway</html>', 'PROVIDER_UNAVAILABLE', 'provider'],
  [503, '', 'PROVIDER_UNAVAILABLE', 'provider'],
  [401, 'nope', 'PROVIDER_CREDENTIAL', 'credential'],
])('%i %s', (status, body, reason, blame) => {
  expect(failure(status, body)).toMatchObject({ reason, detail: { blame, status } });
});

test('Retry-After is kept', () => {
  const limited = failure(429, error('rate_limit_error', 'x'), { 'retry-after': '17' });
  expect(limited.detail.retryAfterMs).toBe(17_000);
});

test('words about our key or account stay here', () => {
  expect(failure(401, error('authentication_error', 'key sk-ant-123 is bad')).message).not.toContain('sk-ant');
  expect(failure(400, error('invalid_request_error', 'Your credit balance is too low')).message).not.toMatch(/credit/);
});
