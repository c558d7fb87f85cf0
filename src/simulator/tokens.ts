/** Scripts that are written without spaces: one character is one token. */
const unspaced =
  '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}\\u3000-\\u303f\\uff00-\\uffef';
const piece = new RegExp(`\\s*(?:[${unspaced}]|[^\\s${unspaced}]+)`, 'gu');

/**
 * The simulator's tokens: words, and single characters of scripts without spaces, each with the space before it.
 * Joined they are the text again.
 */
export function tokenize(text: string): string[] {
  const pieces = text.match(piece) ?? [];
  const length = pieces.reduce((sum, one) => sum + one.length, 0);
  const rest = text.slice(length);
  if (rest === '') return pieces;
  const last = pieces.pop() ?? '';
  return [...pieces, last + rest];
}

export const countTokens = (text: string): number => text.match(piece)?.length ?? (text === '' ? 0 : 1);
