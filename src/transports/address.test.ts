import ipaddr from 'ipaddr.js';
import { describe, expect, test } from 'vitest';
import { callerAddress } from './address.ts';

const trusted = ['10.0.0.0/8', '192.168.1.1/32', '2001:db8:aaaa::/48', '::1/128'].map((each) => ipaddr.parseCIDR(each));
const from = (socket: string, forwarded: string | string[]) => callerAddress(socket, forwarded, trusted);

describe('what a caller writes itself', () => {
  test.each([
    ['one entry', '10.0.0.1', '6.6.6.6, 198.51.100.7', '198.51.100.7'],
    ['a whole chain of trusted ones', '10.0.0.1', '6.6.6.6, 10.9.9.9, 198.51.100.7, 10.0.0.2', '198.51.100.7'],
    ['the trusted address itself', '10.0.0.1', '10.0.0.1, 198.51.100.7', '198.51.100.7'],
    ['a trusted address in IPv6 form', '10.0.0.1', '::ffff:10.0.0.1, 198.51.100.7', '198.51.100.7'],
    ['from a socket that is not trusted', '198.51.100.7', '6.6.6.6', '198.51.100.7'],
    ['from one that is nearly trusted', '192.168.1.2', '6.6.6.6', '192.168.1.2'],
    ['from one that is nearly trusted, over IPv6', '2001:db8:aaab::1', '6.6.6.6', '2001:db8:aaab::1'],
    ['from one that is trusted, over IPv6', '2001:db8:aaaa:1::1', '6.6.6.6, 2001:db8::7', '2001:db8::7'],
  ])('is not believed: %s', (_name, socket, forwarded, expected) => {
    expect(from(socket, forwarded)).toBe(expected);
  });
});

describe('what is no address ends the search', () => {
  test.each([
    'unknown',
    '_hidden',
    '',
    '198.51.100',
    '198.51.100.7.1',
    '0x7f.1',
    '2130706433',
    '0177.0.0.1',
    '198.51.100.256',
    '[2001:db8::1',
    '2001:db8::1]',
    '2001:db8:::1',
    'localhost',
    '198.51.100.7 6.6.6.6',
    '"198.51.100.7"',
    'for=198.51.100.7',
    '198.51.100.7:',
    'x'.repeat(10_000),
  ])('%s', (entry) => {
    expect(from('10.0.0.1', `6.6.6.6, ${entry}, 10.0.0.2`)).toBe('10.0.0.2');
  });
});

test('ports and brackets are no part of it', () => {
  expect(from('10.0.0.1', '198.51.100.7:4711')).toBe('198.51.100.7');
  expect(from('10.0.0.1', '[2001:db8::1]')).toBe('2001:db8::1');
  expect(from('10.0.0.1', '[2001:db8::1]:443')).toBe('2001:db8::1');
  expect(from('10.0.0.1', '2001:DB8:0:0::1')).toBe('2001:db8::1');
});

test('several headers are one list', () => {
  expect(from('10.0.0.1', ['6.6.6.6', '198.51.100.7, 10.0.0.2'])).toBe('198.51.100.7');
});

test('where all are trusted, the leftmost is the caller', () => {
  expect(from('10.0.0.1', '10.0.0.3, 10.0.0.2')).toBe('10.0.0.3');
});
