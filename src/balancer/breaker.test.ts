import { expect, test } from 'vitest';
import type { Clock } from '../kernel/clock.ts';
import { Breaker } from './breaker.ts';

const options = { consecutive: 3, rate: 0.5, minimum: 10, windowMs: 30_000, ejectMs: 5_000, maxEjectMs: 15_000 };

function setUp() {
  let now = 0;
  const clock: Clock = { now: () => now, wall: () => now, after: () => () => {} };
  const breaker = new Breaker(clock, options);
  return {
    breaker,
    advance: (ms: number) => {
      now += ms;
    },
    fail: (times: number) => {
      for (let i = 0; i < times; i++) breaker.failure(false);
    },
  };
}

test('failures in a row eject; a success between them does not let them add up', () => {
  const { breaker, fail } = setUp();
  fail(2);
  breaker.success(false);
  fail(2);
  expect(breaker.state).toBe('closed');
  fail(1);
  expect(breaker.state).toBe('open');
  expect(breaker.allows).toBe(false);
});

test('a share of failures above the rate ejects, from the minimum of requests on', () => {
  const { breaker } = setUp();
  for (let i = 0; i < 4; i++) {
    breaker.success(false);
    breaker.failure(false);
  }
  breaker.failure(false);
  expect(breaker.state).toBe('closed');
  breaker.failure(false);
  expect(breaker.state).toBe('open');
});

test('what left the window does not count', () => {
  const { breaker, advance } = setUp();
  for (let i = 0; i < 4; i++) {
    breaker.success(false);
    breaker.failure(false);
  }
  advance(31_000);
  breaker.success(false);
  breaker.failure(false);
  breaker.failure(false);
  expect(breaker.state).toBe('closed');
});

test('half-open lets one probe through; its failure doubles the ejection up to the limit, its success closes', () => {
  const { breaker, fail, advance } = setUp();
  fail(3);
  for (const ejection of [5_000, 10_000, 15_000, 15_000]) {
    advance(ejection - 1);
    expect(breaker.state).toBe('open');
    advance(1);
    expect(breaker.state).toBe('half-open');
    expect(breaker.allows).toBe(true);
    expect(breaker.begin()).toBe(true);
    expect(breaker.allows).toBe(false);
    expect(breaker.begin()).toBe(false);
    breaker.failure(true);
  }
  advance(15_000);
  breaker.begin();
  breaker.success(true);
  expect(breaker.state).toBe('closed');
  fail(3);
  advance(5_000);
  expect(breaker.state).toBe('half-open');
});

test('a probe that tells nothing leaves room for the next', () => {
  const { breaker, fail, advance } = setUp();
  fail(3);
  advance(5_000);
  breaker.begin();
  breaker.neutral(true);
  expect(breaker.state).toBe('half-open');
  expect(breaker.allows).toBe(true);
});

test('what was sent before the ejection tells nothing while it lasts, nor does it end the probe', () => {
  const { breaker, fail, advance } = setUp();
  fail(3);
  breaker.success(false);
  expect(breaker.state).toBe('open');
  advance(5_000);
  breaker.begin();
  breaker.success(false);
  breaker.neutral(false);
  breaker.failure(false);
  expect(breaker.state).toBe('half-open');
  expect(breaker.allows).toBe(false);
});
