import { expect, test } from 'vitest';
import type { ProviderInstance } from './config/providers.ts';
import type { ProviderType } from './kernel/provider.ts';
import { isListed, listedAtOnce } from './model-discovery.ts';

const own = 'https://api.example.com';
const types = [
  { type: 'cloud', baseUrl: own, simulated: false },
  { type: 'toy', baseUrl: undefined, simulated: true },
] as ProviderType[];
const [cloud, toy] = types as [ProviderType, ProviderType];

const instance = (rest: Partial<ProviderInstance>) =>
  ({ name: 'a', type: 'cloud', base_url: own, api_keys: ['k'], ...rest }) as ProviderInstance;

test.each([
  [{}, true, true],
  [{ api_keys: [] }, false, false],
  [{ api_keys: [], list_models: true }, true, true],
  [{ list_models: false }, false, false],
  [{ base_url: 'http://127.0.0.1:9' }, true, false],
  [{ base_url: 'http://127.0.0.1:9', list_models: true }, true, true],
])('%j: asked for its models %s, from the start %s', (rest, asked, atOnce) => {
  expect(isListed(instance(rest), cloud)).toBe(asked);
  expect(listedAtOnce([instance(rest)], types).has('a')).toBe(atOnce);
});

test('a simulator has none', () => {
  expect(isListed(instance({ list_models: true }), toy)).toBe(false);
});
