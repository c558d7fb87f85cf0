import { expect, test } from 'vitest';
import { publicText } from './public-text.ts';

test.each([
  ['Incorrect key: sk-proj-abcDEF123_456xyz.', /sk-|abcDEF/],
  ['key gsk_abcdefghijklmnop1234', /gsk_/],
  ['key xai-abcdefghijklmnop1234', /xai-/],
  ['key AIzaSyA1234567890abcdefghijklmnopqrstuv', /AIza/],
  ['key AKIAIOSFODNN7EXAMPLE', /AKIA/],
  ['Authorization: Bearer eyJhbGciOi.eyJzdWIiOi.c2ln', /eyJ/],
  ['token eyJhbGciOi.eyJzdWIiOi.c2ln', /eyJ/],
  ['see https://internal.example:8443/v1?key=1 now', /internal/],
  ['in organization org-AbCdEf123456 on tokens', /AbCdEf/],
  ['Team: bb642ce4-5161-45c9-8f34-408850883602', /bb642/],
])('%s is told without its secret', (text, secret) => {
  expect(publicText(text)).not.toMatch(secret);
});

test('what is said of the request stays, on one bounded line', () => {
  expect(publicText(" Invalid 'temperature':\n\t3 is above 2.\u0000 ")).toBe("Invalid 'temperature': 3 is above 2.");
  expect(publicText('reasoning_effort: gpt-5-mini-2025-08-07 takes low, medium-high')).toBe(
    'reasoning_effort: gpt-5-mini-2025-08-07 takes low, medium-high',
  );
  expect(publicText('x'.repeat(5000)).length).toBeLessThanOrEqual(1001);
});
