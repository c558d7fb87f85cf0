import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
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

test('what was logged last is on stdout when the process ends in the same turn', () => {
  const script = `
    import { createLogger } from ${JSON.stringify(fileURLToPath(new URL('logger.ts', import.meta.url)))};
    const logger = createLogger({ level: 'info' });
    for (let i = 0; i < 1000; i++) logger.info({ i }, 'text');
    process.exit(0);
  `;
  const lines = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
    .trim()
    .split('\n');
  expect(lines).toHaveLength(1000);
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ i: 999 });
});
