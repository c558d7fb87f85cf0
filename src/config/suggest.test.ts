import { expect, it } from 'vitest';
import { nearest } from './suggest.ts';

it('finds a name that differs by a slip, and no other', () => {
  expect(nearest('prot', ['host', 'port'])).toBe('port');
  expect(nearest('keepalive', ['keepalive_timeout', 'workers'])).toBeUndefined();
  expect(nearest('drain_timout', ['headers_timeout', 'drain_timeout'])).toBe('drain_timeout');
  expect(nearest('xyz', ['host', 'port'])).toBeUndefined();
});
