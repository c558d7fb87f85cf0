import { expect, test } from 'vitest';
import { noDirectives, readCacheControl } from './cache-control.ts';

const infinite = Number.POSITIVE_INFINITY;

test.each([
  ['', {}],
  ['no-cache', { noCache: true }],
  ['No-Store', { noStore: true }],
  ['only-if-cached', { onlyIfCached: true, asks: true }],
  ['max-age=60', { maxAgeMs: 60_000, asks: true }],
  ['max-age=0', { maxAgeMs: 0 }],
  ['max-age="5"', { maxAgeMs: 5_000, asks: true }],
  ['max-age=soon', { maxAgeMs: 0 }],
  ['max-age=99999999999', { maxAgeMs: 2 ** 31 * 1_000, asks: true }],
  ['max-age=60, max-age=5', { maxAgeMs: 5_000, asks: true }],
  ['min-fresh=30', { minFreshMs: 30_000 }],
  ['min-fresh', { minFreshMs: infinite }],
  ['max-stale', { asks: true }],
  [' no-transform ,, community="UCI", no-cache=x ', { noCache: true }],
  [['max-age=9', 'no-store'], { maxAgeMs: 9_000, asks: true, noStore: true }],
  [undefined, {}],
])('%j', (header, directives) => {
  expect(readCacheControl(header)).toEqual({ ...noDirectives, ...directives });
});
