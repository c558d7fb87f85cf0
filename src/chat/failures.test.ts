import { expect, test } from 'vitest';
import { Fault } from '../kernel/fault.ts';
import { lastWord } from './failures.ts';

const limited = (retryAfterMs?: number) =>
  new Fault('PROVIDER_RATE_LIMITED', 'too many', {
    blame: 'limit',
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
const unknown = { ms: Number.POSITIVE_INFINITY, limited: false };

test('a limit tells when to come back, whether its provider did or not', () => {
  expect(lastWord([limited(7)], unknown).detail.retryAfterMs).toBe(7);
  expect(lastWord([limited()], { ms: 900, limited: true }).detail.retryAfterMs).toBe(900);
  expect(lastWord([limited()], unknown).detail.retryAfterMs).toBe(1_000);
});
