import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countTokens, tokenize } from './tokens.ts';

test.each([
  ['', []],
  ['Hello', ['Hello']],
  ['Hello  there, friend. ', ['Hello', '  there,', ' friend. ']],
  ['你好！ok 吗', ['你', '好', '！', 'ok', ' 吗']],
  [' \n', [' \n']],
])('%j', (text, pieces) => {
  expect(tokenize(text)).toEqual(pieces);
});

test('any text: the pieces joined are the text, and as many as are counted', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(tokenize(text).join('')).toBe(text);
      expect(tokenize(text)).toHaveLength(countTokens(text));
    }),
  );
});
