import type { PriceOf, Pricing } from './model-catalog.ts';

type Prices = typeof import('@pydantic/genai-prices');

/** Loads the list prices of genai-prices, about 1 MB, which answer by the provider's address and the model's name. */
export async function loadPrices(): Promise<PriceOf> {
  const { calcPrice, findProvider } = await import('@pydantic/genai-prices');
  return (type, model) => {
    const provider = providerOf(findProvider, type);
    if (provider === undefined) return undefined;
    const known = calcPrice({ input_tokens: 0 }, model, { provider });
    if (known === null) return undefined;
    const { model_price: prices } = known;
    const contextLength = known.model.context_window;
    return {
      ...price('prompt', prices['input_mtok']),
      ...price('completion', prices['output_mtok']),
      ...price('cachedPrompt', prices['cache_read_mtok']),
      ...price('cacheWrite', prices['cache_write_mtok']),
      ...(contextLength !== undefined && { contextLength }),
    };
  };
}

/**
 * Whose price list it is: told by the type's own address, with anything for the options in it. A type without one is
 * looked for by name where it is a service with keys; a server of one's own has no list prices.
 */
function providerOf(
  find: Prices['findProvider'],
  { type, baseUrl, requiresKey }: Parameters<PriceOf>[0],
): ReturnType<Prices['findProvider']> {
  if (baseUrl !== undefined) return find({ providerApiUrl: `${baseUrl.replace(/\{\w+\}/g, 'us-east-1')}/` });
  return requiresKey ? find({ providerId: type }) : undefined;
}

/** Of a price in tiers the lowest one: it is what most calls pay. */
function price(name: keyof Pricing, value: unknown): Pricing {
  const told = typeof value === 'object' && value !== null && 'base' in value ? value.base : value;
  return typeof told === 'number' ? { [name]: told } : {};
}
