import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HalfCharacters } from './half-characters.ts';

test('text cut anywhere, amid a character too, is the same text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.array(fc.nat()), (whole, cuts) => {
      const half = new HalfCharacters();
      let joined = '';
      let from = 0;
      for (const cut of [...cuts.map((c) => c % (whole.length + 1)), whole.length].sort((a, b) => a - b)) {
        const piece = half.join(whole.slice(from, cut));
        expect(piece.isWellFormed()).toBe(true);
        joined += piece;
        from = cut;
      }
      expect(joined).toBe(whole);
    }),
  );
});

test('a half that stays alone becomes a replacement character', () => {
  const half = new HalfCharacters();
  expect([half.join('a\ud83d'), half.join('b'), half.join('\ude00c'), half.join(undefined)]).toEqual([
    'a',
    '\ufffdb',
    '\ufffdc',
    '',
  ]);
});
