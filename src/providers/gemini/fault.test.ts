import { expect, test } from 'vitest';
import { fault } from './fault.ts';

const failure = (status: number, body: string, headers = {}) =>
  fault({ status, headers, body: Buffer.from(body), now: 0 });

const error = (code: number, status: string, message: string, details: object[] = []) =>
  JSON.stringify({ error: { code, message, status, details } });

const info = (reason: string) => ({ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason });

test.each([
  [400, error(400, 'INVALID_ARGUMENT', 'Invalid value at contents'), 'PROVIDER_REJECTED', 'caller'],
  [
    400,
    error(400, 'INVALID_ARGUMENT', 'API key not valid.', [info('API_KEY_INVALID')]),
    'PROVIDER_CREDENTIAL',
    'credential',
  ],
  [400, error(400, 'FAILED_PRECONDITION', 'User location is not supported'), 'PROVIDER_CREDENTIAL', 'credential'],
  [
    400,
    error(400, 'INVALID_ARGUMENT', 'The input token count (5) exceeds the maximum number of tokens allowed (4).'),
    'CONTEXT_LENGTH_EXCEEDED',
    'context',
  ],
  [401, error(401, 'UNAUTHENTICATED', 'no'), 'PROVIDER_CREDENTIAL', 'credential'],
  [403, error(403, 'PERMISSION_DENIED', 'unregistered callers'), 'PROVIDER_CREDENTIAL', 'credential'],
  [
    403,
    error(403, 'PERMISSION_DENIED', 'You do not have permission to access the File x'),
    'PROVIDER_REJECTED',
    'caller',
  ],
  [404, error(404, 'NOT_FOUND', 'models/x is not found'), 'MODEL_NOT_FOUND', 'target'],
  [429, error(429, 'RESOURCE_EXHAUSTED', 'quota'), 'PROVIDER_RATE_LIMITED', 'limit'],
  [500, error(500, 'INTERNAL', 'An internal error has occurred'), 'PROVIDER_UNAVAILABLE', 'provider'],
  [503, error(503, 'UNAVAILABLE', 'The model is overloaded.'), 'PROVIDER_UNAVAILABLE', 'provider'],
  [504, error(504, 'DEADLINE_EXCEEDED', 'late'), 'PROVIDER_UNAVAILABLE', 'provider'],
  [503, `[${error(503, 'UNAVAILABLE', 'The model is overloaded.')}]`, 'PROVIDER_UNAVAILABLE', 'provider'],
  [502, '<html>Bad Gateway</html>', 'PROVIDER_UNAVAILABLE', 'provider'],
  [429, '', 'PROVIDER_RATE_LIMITED', 'limit'],
])('%i %s', (status, body, reason, blame) => {
  expect(failure(status, body)).toMatchObject({ reason, detail: { blame, status } });
});

test('when to ask again is told in the body, or in the header, which wins', () => {
  const body = error(429, 'RESOURCE_EXHAUSTED', 'x', [info('RATE_LIMIT_EXCEEDED'), { retryDelay: '48.939935699s' }]);
  expect(failure(429, body).detail).toMatchObject({ retryAfterMs: 48_940, providerCode: 'RATE_LIMIT_EXCEEDED' });
  expect(failure(429, body, { 'retry-after': '3' }).detail.retryAfterMs).toBe(3000);
});
