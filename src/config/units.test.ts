import { describe, expect, it } from 'vitest';
import { parseBudget, parseDuration, parseRate, parseSize } from './units.ts';

describe('units', () => {
  it.each([
    ['300ms', 300],
    ['3s', 3000],
    ['1.5s', 1500],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['0', 0],
  ])('reads the duration %s', (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each(['3', '-3s', '3 s', '3sec', 's', '', '1e3s'])('refuses the duration %j', (text) =>
    expect(parseDuration(text)).toBeUndefined(),
  );

  it.each([
    ['512', 512],
    ['512B', 512],
    ['64KB', 64_000],
    ['10MiB', 10_485_760],
    ['1.5KiB', 1536],
    ['1GB', 1e9],
  ])('reads the size %s', (text, bytes) => expect(parseSize(text)).toBe(bytes));

  it.each(['10mib', '10M', '-1', '0.5B', '9999999999GiB'])('refuses the size %j', (text) =>
    expect(parseSize(text)).toBeUndefined(),
  );

  it('reads rates and budgets', () => {
    expect(parseRate('600/m')).toEqual({ count: 600, windowMs: 60_000 });
    expect(parseRate('5000/s')).toEqual({ count: 5000, windowMs: 1000 });
    expect(parseBudget('5usd/d')).toEqual({ usd: 5, windowMs: 86_400_000 });
    expect(parseBudget('0.5usd/h')).toEqual({ usd: 0.5, windowMs: 3_600_000 });
  });

  it.each(['600', '600/min', '-1/s', '1.5/s', '/s'])('refuses the rate %j', (text) =>
    expect(parseRate(text)).toBeUndefined(),
  );
});
