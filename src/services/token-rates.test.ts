import { expect, test } from 'vitest';
import { newCompletionTokensDetails, newPromptTokensDetails, newUsage } from '../kernel/messages.ts';
import { costOfTokens } from './token-rates.ts';

interface Parts {
  readonly cached?: number;
  readonly written?: number;
  readonly heard?: number;
  readonly reasoning?: number;
  readonly spoken?: number;
}

function usage(prompt: number, completion: number, { cached, written, heard, reasoning, spoken }: Parts = {}) {
  const made = newUsage(prompt, completion);
  made.promptTokensDetails = {
    ...newPromptTokensDetails(),
    cachedTokens: cached,
    cacheWriteTokens: written,
    audioTokens: heard,
  };
  made.completionTokensDetails = {
    ...newCompletionTokensDetails(),
    reasoningTokens: reasoning,
    audioTokens: spoken,
  };
  return made;
}

const rates = { prompt: 3, completion: 15, cachedPrompt: 0.3, cacheWrite: 3.75 };

test('plain tokens', () => {
  expect(costOfTokens(rates, usage(1_000, 200))).toBe(0.006);
});

test('cached and cache-written tokens are parts of the prompt, each at its own rate', () => {
  // 100 plain at 3, 800 cached at 0.3, 100 written at 3.75, 200 at 15.
  expect(costOfTokens(rates, usage(1_000, 200, { cached: 800, written: 100 }))).toBe(0.003915);
});

test('reasoning is in the completion already', () => {
  expect(costOfTokens(rates, usage(0, 200, { reasoning: 150 }))).toBe(0.003);
});

test('without a rate of their own they cost what other tokens of their side do', () => {
  const parts = { cached: 800, written: 100, heard: 10, spoken: 20 };
  expect(costOfTokens({ prompt: 3, completion: 15 }, usage(1_000, 200, parts))).toBe(0.006);
});

test('sound has rates of its own', () => {
  const audio = { ...rates, promptAudio: 40, completionAudio: 80 };
  expect(costOfTokens(audio, usage(100, 50, { heard: 60, spoken: 40 }))).toBe(0.00587);
});

test('a tier is chosen by the whole prompt, cached tokens included, and holds for the completion too', () => {
  const tiered = {
    prompt: { base: 1.25, tiers: [{ start: 200_000, price: 2.5 }] },
    completion: { base: 10, tiers: [{ start: 200_000, price: 15 }] },
    cachedPrompt: { base: 0.125, tiers: [{ start: 200_000, price: 0.25 }] },
  };
  expect(costOfTokens(tiered, usage(200_000, 10))).toBe(0.2501);
  expect(costOfTokens(tiered, usage(300_000, 10, { cached: 100_000 }))).toBe(0.52515);
});

test('nothing is said where tokens have no rate', () => {
  expect(costOfTokens({ prompt: 3 }, usage(10, 1))).toBeUndefined();
  expect(costOfTokens({ prompt: 3 }, usage(10, 0))).toBe(0.00003);
  expect(costOfTokens({}, usage(0, 0))).toBe(0);
});

test('counts that contradict each other never make a negative cost', () => {
  expect(costOfTokens(rates, usage(10, 0, { cached: 900, written: 900, heard: 900 }))).toBe(0.000003);
});
