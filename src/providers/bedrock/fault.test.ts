import { expect, test } from 'vitest';
import { fault } from './fault.ts';

const failure = (status: number, name: string, body: string, headers = {}) =>
  fault({ status, headers: { 'x-amzn-errortype': name, ...headers }, body: Buffer.from(body), now: 0 });

test.each([
  [400, 'ValidationException', 'bad field', 'PROVIDER_REJECTED', 'caller'],
  [400, 'ValidationException', 'Input is too long for requested model.', 'CONTEXT_LENGTH_EXCEEDED', 'context'],
  [400, 'ValidationException', 'The input was blocked by our content filters.', 'CONTENT_REJECTED', 'content'],
  [400, 'ValidationException', 'The provided model identifier is invalid.', 'MODEL_NOT_FOUND', 'target'],
  [400, 'ServiceQuotaExceededException', 'x', 'PROVIDER_RATE_LIMITED', 'limit'],
  [403, 'UnrecognizedClientException:http://internal.amazon.com/coral/', 'x', 'PROVIDER_CREDENTIAL', 'credential'],
  [403, 'AccessDeniedException', 'User: arn is not authorized', 'PROVIDER_CREDENTIAL', 'credential'],
  [403, 'AccessDeniedException', "You don't have access to the model.", 'MODEL_NOT_FOUND', 'target'],
  [404, 'ResourceNotFoundException', 'x', 'MODEL_NOT_FOUND', 'target'],
  [408, 'ModelTimeoutException', 'x', 'PROVIDER_UNAVAILABLE', 'provider'],
  [424, 'ModelErrorException', 'x', 'PROVIDER_UNAVAILABLE', 'provider'],
  [429, 'ThrottlingException', 'x', 'PROVIDER_RATE_LIMITED', 'limit'],
  [429, 'ModelNotReadyException', 'x', 'PROVIDER_UNAVAILABLE', 'provider'],
  [500, 'InternalServerException', 'x', 'PROVIDER_UNAVAILABLE', 'provider'],
  [503, 'ServiceUnavailableException', 'x', 'PROVIDER_UNAVAILABLE', 'provider'],
  [418, '', 'x', 'PROVIDER_REJECTED', 'caller'],
])('%i %s: %s', (status, name, message, reason, blame) => {
  expect(failure(status, name, JSON.stringify({ message }))).toMatchObject({ reason, detail: { blame, status } });
});

test('the exception may be named in the body, with a namespace', () => {
  const body = '{"__type":"com.amazon.coral.service#ThrottlingException","Message":"slow"}';
  expect(failure(400, '', body)).toMatchObject({
    reason: 'PROVIDER_RATE_LIMITED',
    detail: { providerCode: 'ThrottlingException' },
  });
});

test('a body of no known form is judged by its status', () => {
  expect(failure(503, '', '<html></html>')).toMatchObject({ reason: 'PROVIDER_UNAVAILABLE' });
  expect(failure(403, '', '')).toMatchObject({ reason: 'PROVIDER_CREDENTIAL' });
});
