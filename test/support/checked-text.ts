import { createHash } from 'node:crypto';

const words = 'a gateway stands between callers and models and keeps its word whatever the weather is like today'.split(
  ' ',
);
const sum = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** A text that ends in its own checksum. */
export function checked(i: number): string {
  const text = Array.from({ length: 48 }, (_, at) => words[(i * 7 + at * (1 + (i % 5))) % words.length]).join(' ');
  return `${i}: ${text} ${sum(`${i}: ${text}`)}`;
}

export const isWhole = (text: string): boolean => sum(text.slice(0, -17)) === text.slice(-16);
