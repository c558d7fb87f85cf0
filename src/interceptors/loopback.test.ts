import { expect, test } from 'vitest';
import { hostOf, isLoopback } from './loopback.ts';

test.each([
  'localhost',
  'LOCALHOST',
  'localhost.',
  'app.localhost',
  '127.0.0.1',
  '127.8.9.10',
  '::1',
  '[::1]',
  '::ffff:127.0.0.1',
])('%s is this machine', (host) => {
  expect(isLoopback(host)).toBe(true);
});

test.each([
  '',
  'localhost.example',
  'notlocalhost',
  '127.0.0.1.example',
  '128.0.0.1',
  '0.0.0.0',
  '::',
  '10.0.0.1',
  '[::2]',
  '::ffff:10.0.0.1',
  '127.0.0.1,evil.example',
])('%s is not', (host) => {
  expect(isLoopback(host)).toBe(false);
});

test.each([
  ['Example.com', 'example.com'],
  ['example.com:8080', 'example.com'],
  ['[::1]:8080', '[::1]'],
  ['localhost:', 'localhost'],
])('the host of %s is %s', (text, host) => {
  expect(hostOf(text)).toBe(host);
});

test.each(['a:b', '::1', 'user@localhost', 'localhost/evil', '[::1', 'localhost:123456', 'a:1:2'])(
  '%s is no authority',
  (text) => {
    expect(hostOf(text)).toBeUndefined();
  },
);
