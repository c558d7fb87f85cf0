import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Look, RequestHead } from './request-head.ts';

const limits = { maxHeaderBytes: 8_192, maxRequestBytes: 1_000 };
const path = '/v1/chat/completions';
const line = `POST ${path} HTTP/1.1\r\n`;
const fields = 'Host: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n';
const plain = `${line}${fields}X-One: 1\r\n\r\n`;

const look = (text: string, at = 0) => {
  const head = new RequestHead([path], limits);
  return { found: head.look(Buffer.from(text, 'latin1'), at), head };
};

describe('a plain head', () => {
  it('is read from where it begins, up to its body', () => {
    const { found, head } = look(`xyz${plain}{}POST`, 3);
    expect(found).toBe(Look.plain);
    expect(head).toMatchObject({ path, length: 2, close: false, size: plain.length });
    expect(head.headers).toEqual({
      host: 'a',
      'content-type': 'application/json',
      'content-length': '2',
      'x-one': '1',
    });
  });

  it('is partial wherever it is split', () => {
    for (let size = 0; size < plain.length; size++)
      expect([size, look(plain.slice(0, size)).found]).toEqual([size, Look.partial]);
  });

  it('may be as long as the limit says', () => {
    const of = (size: number) => `${line}${fields}x: ${'y'.repeat(size - line.length - fields.length - 7)}\r\n\r\n`;
    expect(look(of(limits.maxHeaderBytes - 1)).found).toBe(Look.plain);
    expect(look(of(limits.maxHeaderBytes)).found).toBe(Look.foreign);
    expect(look(`${line}x: ${'y'.repeat(limits.maxHeaderBytes)}`).found).toBe(Look.foreign);
  });

  it.each([
    ['close', 'Connection: Close', true],
    ['keep-alive', 'connection:keep-alive', false],
    ['an empty value', 'x:', false],
    ['blanks around a value', 'x: \t a b \t', false],
  ])('has %s', (_name, more, close) => {
    const { found, head } = look(`${line}${fields}${more}\r\n\r\n`);
    expect([found, head.close]).toEqual([Look.plain, close]);
  });

  it('forgets the one before', () => {
    const head = new RequestHead([path], limits);
    head.look(Buffer.from(`${line}${fields}connection: close\r\nx-two: 2\r\n\r\n`), 0);
    expect(head.look(Buffer.from(plain), 0)).toBe(Look.plain);
    expect(head.close).toBe(false);
    expect(head.headers['x-two']).toBeUndefined();
  });
});

describe('foreign', () => {
  it.each([
    ['another verb', plain.replace('POST', 'GET')],
    ['another path', plain.replace('/v1', '/v2')],
    ['a query', plain.replace(' HTTP', '?x HTTP')],
    ['a target with a host', plain.replace('/v1', 'http://a/v1')],
    ['HTTP/1.0', plain.replace('1.1', '1.0')],
    ['an empty line before it', `\r\n${plain}`],
    ['a bare LF', plain.replace('\r\n', '\n')],
    ['a bare LF amid fields', plain.replace('a\r\n', 'a\n')],
    ['a bare CR', plain.replace('Host: a', 'Host: a\rb')],
    ['a folded field', plain.replace('X-One: 1', 'X-One: 1\r\n 2')],
    ['a space before a colon', plain.replace('X-One:', 'X-One :')],
    ['no colon', plain.replace('X-One: 1', 'X-One')],
    ['no name', plain.replace('X-One: 1', ': 1')],
    ['an underscore', plain.replace('X-One', 'X_One')],
    ['a NUL', plain.replace('X-One: 1', 'X-One: \0')],
    ['a letter beyond ASCII', plain.replace('X-One: 1', 'X-One: \xe4')],
    ['no host', plain.replace('Host: a\r\n', '')],
    ['two hosts', plain.replace('X-One', 'host')],
    ['no length', plain.replace('Content-Length: 2\r\n', '')],
    ['two lengths', plain.replace('X-One: 1', 'content-length: 2')],
    ['two lengths in one', plain.replace('Length: 2', 'Length: 2, 2')],
    ['a length with a sign', plain.replace('Length: 2', 'Length: +2')],
    ['a length in hex', plain.replace('Length: 2', 'Length: 0x2')],
    ['an empty length', plain.replace('Length: 2', 'Length:')],
    ['a length beyond the limit', plain.replace('Length: 2', 'Length: 1001')],
    ['no type', plain.replace('Content-Type: application/json\r\n', '')],
    ['a type of gRPC', plain.replace('application/json', 'application/grpc+json')],
    ['a field twice', plain.replace('X-One: 1', 'X-One: 1\r\nx-one: 2')],
    ['a name that every object has', plain.replace('X-One', 'constructor')],
    ['the name of a prototype', plain.replace('X-One', '__proto__')],
    ...[
      'Transfer-Encoding: chunked',
      'Content-Encoding: gzip',
      'Expect: 100-continue',
      'Upgrade: h2c',
      'Origin: http://a',
    ].map((field): [string, string] => [field, plain.replace('X-One: 1', field)]),
    ...['upgrade', 'close, x', 'keep-alive, close', ''].map((value): [string, string] => [
      `connection "${value}"`,
      plain.replace('X-One: 1', `Connection: ${value}`),
    ]),
    ['too many fields', plain.replace('X-One: 1', Array.from({ length: 100 }, (_, i) => `x-${i}: 1`).join('\r\n'))],
  ])('is %s', (_name, text) => {
    expect(look(text).found).toBe(Look.foreign);
  });

  it.each([
    ['a bad name', `${line}a b`],
    ['a bad value', `${line}a: \0`],
    ['a CR and no LF', `${line}a: b\rc`],
    ['a folded line', `${line}a: b\r\n c`],
    ['another line', 'POST /x'],
  ])('is at once what cannot become plain: %s', (_name, text) => {
    expect(look(text).found).toBe(Look.foreign);
  });
});

it('throws at nothing, and takes no bytes beyond those there are', () => {
  const pieces = fc.constantFrom(line, fields, plain, '\r\n', '\r', '\n', ': ', 'a', 'Host: b\r\n', ' ', '\0', '\xff');
  fc.assert(
    fc.property(fc.array(fc.oneof(pieces, fc.string({ unit: 'binary' })), { maxLength: 12 }), (parts) => {
      const text = parts.join('');
      const { found, head } = look(text);
      if (found === Look.plain)
        expect(text.slice(0, head.size)).toMatch(
          /^POST \/v1\/chat\/completions HTTP\/1\.1\r\n(?:[A-Za-z0-9-]+:[\t -~]*\r\n)+\r\n$/,
        );
    }),
    { numRuns: 2_000 },
  );
});
