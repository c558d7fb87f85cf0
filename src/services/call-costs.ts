import type { Clock } from '../kernel/clock.ts';
import type { CostOf, Provider, ProviderType, Route, Target, TokenPrice } from '../kernel/provider.ts';
import { costOfTokens, type TokenRates } from './token-rates.ts';

/** What a model of a provider type costs by its price list. */
export type RatesOf = (type: ProviderType, model: string) => TokenRates | undefined;

export interface CallCostsOptions {
  readonly routes: Iterable<Route>;
  readonly clock: Clock;
  /** Loads the price lists; asked once, and not before a target is met whose price nothing nearer tells. */
  readonly lists: () => Promise<RatesOf>;
  /** The lists could not be loaded: such calls go without a price. */
  readonly onFailure?: (thrown: unknown) => void;
}

export interface CallCosts {
  readonly costOf: CostOf;
  /** Loads the price lists if any of these may need them. */
  warm(providers: Iterable<Provider>): Promise<void>;
}

/** Some prices depend on the time of day, so what was looked up holds for so long. */
const freshMs = 10 * 60_000;
const mostKnown = 1_000;

const ofPrice = ({ prompt, completion, cachedPrompt, cacheWrite }: TokenPrice): TokenRates => ({
  prompt: prompt * 1e6,
  completion: completion * 1e6,
  ...(cachedPrompt !== undefined && { cachedPrompt: cachedPrompt * 1e6 }),
  ...(cacheWrite !== undefined && { cacheWrite: cacheWrite * 1e6 }),
});

interface Known {
  readonly rates: TokenRates | undefined;
  readonly until: number;
}

/**
 * What attempts cost: by the configuration's price of that provider and model, else by the provider's own list of models,
 * else by public price lists. A call never waits for these: one that ends before they are loaded has no cost.
 */
export function createCallCosts({ routes, clock, lists, onFailure }: CallCostsOptions): CallCosts {
  const configured = new Map<string, TokenRates>();
  const key = (provider: Provider, model: string) => `${provider.name}/${model}`;
  for (const { targets } of routes) {
    for (const { provider, model, price } of targets) {
      if (price !== undefined) configured.set(key(provider, model), ofPrice(price));
    }
  }

  let ratesOf: RatesOf | undefined;
  let loading: Promise<void> | undefined;
  const load = (): Promise<void> => {
    loading ??= lists().then(
      (loaded) => {
        ratesOf = loaded;
      },
      (thrown: unknown) => onFailure?.(thrown),
    );
    return loading;
  };

  /** By provider type and model. */
  const listed = new Map<string, Known>();
  const ofLists = (type: ProviderType, model: string): TokenRates | undefined => {
    if (ratesOf === undefined) {
      void load();
      return undefined;
    }
    const name = `${type.type}/${model}`;
    const known = listed.get(name);
    const now = clock.now();
    if (known !== undefined && now < known.until) return known.rates;
    const rates = ratesOf(type, model);
    // Callers may name any model.
    if (listed.size >= mostKnown) listed.clear();
    listed.set(name, { rates, until: now + freshMs });
    return rates;
  };

  const ratesFor = ({ provider, model, price }: Target): TokenRates | undefined => {
    if (price !== undefined) return ofPrice(price);
    const own = configured.get(key(provider, model)) ?? provider.listing?.models.get(model)?.pricing;
    return own ?? ofLists(provider.type, model);
  };

  return {
    costOf(target, usage) {
      if (target.provider.type.simulated) return 0;
      const rates = ratesFor(target);
      return rates === undefined ? undefined : costOfTokens(rates, usage);
    },
    async warm(providers) {
      for (const { disabled, type } of providers) {
        if (disabled === undefined && !type.simulated) return load();
      }
    },
  };
}
