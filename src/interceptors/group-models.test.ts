import { describe, expect, test } from 'vitest';
import { createGroupModels, inBoth } from './group-models.ts';

describe('groups', () => {
  const allowed = createGroupModels({ staff: { models: ['fast', 'slow'] }, few: { models: ['tiny'] }, admins: {} });

  test('allow the models of each', () => {
    expect(allowed(['staff'])).toEqual(new Set(['fast', 'slow']));
    expect(allowed(['staff', 'few', 'unknown'])).toEqual(new Set(['fast', 'slow', 'tiny']));
    expect(allowed(['few', 'admins'])).toBeUndefined();
  });

  test('allow nothing to whoever is in none', () => {
    expect(allowed([])).toEqual(new Set());
    expect(allowed(['unknown', '__proto__', 'constructor'])).toEqual(new Set());
  });

  test('forbid nothing where there are none', () => {
    expect(createGroupModels({})(['staff'])).toBeUndefined();
  });
});

test('two lists allow what is in both', () => {
  const [a, b] = [new Set(['fast', 'slow']), new Set(['slow', 'tiny'])];
  expect(inBoth(a, b)).toEqual(new Set(['slow']));
  expect(inBoth(a, undefined)).toBe(a);
  expect(inBoth(undefined, b)).toBe(b);
  expect(inBoth(undefined, undefined)).toBeUndefined();
});
