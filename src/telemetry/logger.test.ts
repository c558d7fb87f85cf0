import { expect, test } from 'vitest';
import { createLogger } from './logger.ts';
import { redact } from './redact.ts';

test('secret fields are hidden at any depth and in any spelling, empty ones are shown as they are', () => {
  const record = {
    headers: { Authorization: 'Bearer x', 'X-Api-Key': ['x'], accept: '*/*' },
    instances: [{ name: 'alpha', api_keys: ['x', 'y'], apiKey: '' }],
    total_tokens: 12,
  };
  expect(redact(record)).toEqual({
    headers: { Authorization: '[redacted]', 'X-Api-Key': '[redacted]', accept: '*/*' },
    instances: [{ name: 'alpha', api_keys: '[redacted]', apiKey: '' }],
    total_tokens: 12,
  });
  expect(record.headers.Authorization).toBe('Bearer x');
});

test('a record without secrets is not copied; one that holds itself ends', () => {
  const clean = { a: { b: [1, 'two', null] } };
  expect(redact(clean)).toBe(clean);
  const ring: Record<string, unknown> = {};
  ring['ring'] = ring;
  expect(JSON.stringify(redact(ring))).toContain('[redacted]');
});

test('lines below the level are not written', () => {
  const written: string[] = [];
  const logger = createLogger({ level: 'warn', destination: { write: (line) => written.push(line) } });
  logger.info('quiet');
  logger.warn({ event: 'loud' }, 'text');
  expect(written.map((line) => JSON.parse(line))).toEqual([
    { level: 'warn', time: expect.any(String), event: 'loud', msg: 'text' },
  ]);
});
