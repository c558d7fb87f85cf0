import { describe, expect, test } from 'vitest';
import { newPromptTokensDetails, newUsage } from '../kernel/messages.ts';
import { ModelListing } from '../kernel/model-listing.ts';
import type { Provider, ProviderType, Target } from '../kernel/provider.ts';
import { createCallCosts, type RatesOf } from './call-costs.ts';
import { loadRates } from './model-prices.ts';

const type = (name: string, over: Partial<ProviderType> = {}) =>
  ({ type: name, baseUrl: undefined, requiresKey: true, simulated: false, ...over }) as ProviderType;
const provider = (name: string, of: ProviderType, over: Partial<Provider> = {}) =>
  ({ name, type: of, disabled: undefined, ...over }) as Provider;
const target = (to: Provider, model = 'm', over: Partial<Target> = {}): Target => ({
  provider: to,
  model,
  weight: 1,
  priority: 1,
  ...over,
});

const usage = newUsage(1_000, 100);

function setUp(lists: () => Promise<RatesOf>, ...targets: Target[]) {
  let now = 0;
  const clock = { now: () => now, wall: () => now, after: () => () => {} };
  const failures: unknown[] = [];
  const costs = createCallCosts({
    routes: [{ name: 'r', policy: [], targets }],
    clock,
    lists,
    onFailure: (thrown) => failures.push(thrown),
  });
  const pass = (ms: number) => {
    now += ms;
  };
  return { ...costs, failures, pass };
}

const fixed: RatesOf = (_type, model) => (model === 'm' ? { prompt: 1, completion: 2 } : undefined);

describe('where a price comes from', () => {
  const own = provider('own', type('a'));
  const price = { prompt: 5e-6, completion: 10e-6 };

  test('the configuration comes first, for calls that name provider and model too', async () => {
    const { costOf, warm } = setUp(async () => fixed, target(own, 'm', { price }));
    await warm([own]);
    expect(costOf(target(own, 'm', { price }), usage)).toBe(0.006);
    expect(costOf(target(own), usage)).toBe(0.006);
    expect(costOf(target(provider('other', type('a'))), usage)).toBe(0.0012);
  });

  test('a configured price of cached tokens', () => {
    const { costOf } = setUp(async () => fixed);
    const cached = newUsage(1_000, 0);
    cached.promptTokensDetails = { ...newPromptTokensDetails(), cachedTokens: 900, cacheWriteTokens: 100 };
    const full = { ...price, cachedPrompt: 1e-6, cacheWrite: 6e-6 };
    expect(costOf(target(own, 'm', { price: full }), cached)).toBe(0.0015);
  });

  test('then what the provider lists itself, then the price lists', async () => {
    const listing = new ModelListing();
    listing.replace([{ id: 'm', pricing: { prompt: 7, completion: 7 } }, { id: 'unpriced' }]);
    const listed = provider('listed', type('a'), { listing });
    const { costOf, warm } = setUp(
      async () => (_type, model) => (model === 'gone' ? undefined : { prompt: 1, completion: 1 }),
    );
    await warm([listed]);
    expect(costOf(target(listed), usage)).toBe(0.0077);
    expect(costOf(target(listed, 'unpriced'), usage)).toBe(0.0011);
    expect(costOf(target(listed, 'gone'), usage)).toBeUndefined();
  });

  test('what is simulated costs nothing', () => {
    const { costOf } = setUp(() => Promise.reject(new Error('not asked')));
    expect(costOf(target(provider('sim', type('sim', { simulated: true }))), usage)).toBe(0);
  });
});

describe('the price lists', () => {
  const own = provider('own', type('a'));

  test('are loaded once, behind the first call that needs them', async () => {
    let loads = 0;
    const { costOf, warm } = setUp(async () => {
      loads++;
      return fixed;
    });
    expect(costOf(target(own), usage)).toBeUndefined();
    expect(costOf(target(own), usage)).toBeUndefined();
    await warm([own]);
    expect(costOf(target(own), usage)).toBe(0.0012);
    expect(loads).toBe(1);
  });

  test('are left alone where nobody can be asked who costs anything', async () => {
    const { warm } = setUp(() => Promise.reject(new Error('not asked')));
    await warm([
      provider('sim', type('sim', { simulated: true })),
      provider('off', type('a'), { disabled: 'lacks a key' }),
    ]);
  });

  test('that cannot be loaded are told of once, and cost nobody an answer', async () => {
    const { costOf, warm, failures } = setUp(() => Promise.reject(new Error('broken')));
    expect(costOf(target(own), usage)).toBeUndefined();
    await warm([own]);
    expect(costOf(target(own), usage)).toBeUndefined();
    expect(failures).toHaveLength(1);
  });

  test('are looked up anew after a while: some prices depend on the time of day', async () => {
    let rate = 1;
    const { costOf, warm, pass } = setUp(async () => () => ({ prompt: rate, completion: rate }));
    await warm([own]);
    expect(costOf(target(own), usage)).toBe(0.0011);
    rate = 2;
    expect(costOf(target(own), usage)).toBe(0.0011);
    pass(10 * 60_000);
    expect(costOf(target(own), usage)).toBe(0.0022);
  });

  test('know the published prices of models', async () => {
    const openai = provider('o', type('openai', { baseUrl: 'https://api.openai.com/v1' }));
    const { costOf, warm } = setUp(loadRates);
    await warm([openai]);
    const cached = newUsage(1_000_000, 100_000);
    cached.promptTokensDetails = { ...newPromptTokensDetails(), cachedTokens: 400_000 };
    // 0.6 million at 2.5, 0.4 million at 1.25, 0.1 million at 10.
    expect(costOf(target(openai, 'gpt-4o'), cached)).toBe(3);
    expect(costOf(target(openai, 'no-such-model'), cached)).toBeUndefined();
  });
});
