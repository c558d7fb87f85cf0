import { expect, test } from 'vitest';
import type { ProviderType } from '../kernel/provider.ts';
import { loadPrices } from './model-prices.ts';

const priceOf = await loadPrices();
const type = (name: string, baseUrl: string | undefined, requiresKey = true) =>
  ({ type: name, baseUrl, requiresKey }) as ProviderType;

test.each([
  [type('openai', 'https://api.openai.com/v1'), 'gpt-4o-mini'],
  [type('anthropic', 'https://api.anthropic.com'), 'claude-sonnet-4-5'],
  [type('azure-openai', undefined), 'gpt-4o'],
])('tells what a known model costs: $0.type $1', (of, model) => {
  const pricing = priceOf(of, model);
  expect(pricing?.prompt).toBeGreaterThan(0);
  expect(pricing?.completion).toBeGreaterThan(pricing?.prompt ?? 0);
  expect(pricing?.cachedPrompt).toBeLessThan(pricing?.prompt ?? 0);
});

test('tells nothing of a model that it does not know, or of a server of one’s own', () => {
  expect(priceOf(type('openai', 'https://api.openai.com/v1'), 'no-such-model')).toBeUndefined();
  expect(priceOf(type('own', 'http://127.0.0.1:8000/v1', false), 'gpt-4o')).toBeUndefined();
  expect(priceOf(type('openai-compatible', undefined, false), 'gpt-4o')).toBeUndefined();
});
