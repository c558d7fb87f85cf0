import type { ProviderType } from '../kernel/provider.ts';
import type { RatesOf } from './call-costs.ts';
import type { PriceOf, Pricing } from './model-catalog.ts';
import type { Rate, TokenRates } from './token-rates.ts';

type Prices = typeof import('@pydantic/genai-prices');

/** Loads the list prices of genai-prices, about 1 MB, which answer by the provider's address and the model's name. */
async function loadLists() {
  const { calcPrice, findProvider } = await import('@pydantic/genai-prices');
  return (type: ProviderType, model: string) => {
    const provider = providerOf(findProvider, type);
    return provider && (calcPrice({ input_tokens: 0 }, model, { provider }) ?? undefined);
  };
}

/** What models cost, for lists of them. */
export async function loadPrices(): Promise<PriceOf> {
  const find = await loadLists();
  return (type, model) => {
    const known = find(type, model);
    if (known === undefined) return undefined;
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

/** What models cost, to the token. Those of models with a price for a time of day hold for that time. */
export async function loadRates(): Promise<RatesOf> {
  const find = await loadLists();
  return (type, model) => {
    const prices = find(type, model)?.model_price;
    return (
      prices && {
        ...rate('prompt', prices['input_mtok']),
        ...rate('completion', prices['output_mtok']),
        ...rate('cachedPrompt', prices['cache_read_mtok']),
        ...rate('cacheWrite', prices['cache_write_mtok']),
        ...rate('promptAudio', prices['input_audio_mtok']),
        ...rate('completionAudio', prices['output_audio_mtok']),
      }
    );
  };
}

const rate = (name: keyof TokenRates, value: Rate | undefined): TokenRates =>
  value === undefined ? {} : { [name]: value };

/**
 * Whose price list it is: told by the type's own address, with anything for the options in it. A type without one is
 * looked for by name where it is a service with keys; a server of one's own has no list prices.
 */
function providerOf(
  find: Prices['findProvider'],
  { type, baseUrl, requiresKey }: ProviderType,
): ReturnType<Prices['findProvider']> {
  if (baseUrl !== undefined) return find({ providerApiUrl: `${baseUrl.replace(/\{\w+\}/g, 'us-east-1')}/` });
  return requiresKey ? find({ providerId: type }) : undefined;
}

/** Of a price in tiers the lowest one: it is what most calls pay. */
function price(name: keyof Pricing, value: unknown): Pricing {
  const told = typeof value === 'object' && value !== null && 'base' in value ? value.base : value;
  return typeof told === 'number' ? { [name]: told } : {};
}
