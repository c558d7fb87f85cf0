import { expect, test } from 'vitest';
import { retryAfterMs } from './retry-after.ts';

const now = Date.parse('Thu, 09 Oct 2025 08:53:20 GMT');

test.each([
  [{ 'retry-after': '2' }, 2000],
  [{ 'retry-after': '0.25' }, 250],
  [{ 'retry-after': '0' }, 0],
  [{ 'retry-after': ' 7 ' }, 7000],
  [{ 'retry-after': 'Thu, 09 Oct 2025 08:53:30 GMT' }, 10_000],
  [{ 'retry-after': 'Thu, 09 Oct 2025 08:53:10 GMT' }, 0],
  [{ 'retry-after-ms': '1574', 'retry-after': '2' }, 1574],
  [{ 'retry-after-ms': '0', 'retry-after': '1' }, 1000],
  [{ 'retry-after': ['3', '4'] }, 3000],
  [{}, undefined],
  [{ 'retry-after': '' }, undefined],
  [{ 'retry-after': 'soon' }, undefined],
  [{ 'retry-after': '-5' }, undefined],
  [{ 'retry-after': '1e9' }, undefined],
  [{ 'retry-after': 'NaN' }, undefined],
])('%j is %s', (headers, expected) => {
  expect(retryAfterMs(headers, now)).toBe(expected);
});
