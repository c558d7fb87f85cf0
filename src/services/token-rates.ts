import type { Usage } from '../../gen/es/llmbridge/v1/usage_pb.ts';

/** A price that depends on how long the prompt is: the last tier whose start it exceeds, else the base. */
export interface TieredRate {
  readonly base: number;
  /** In ascending order of `start`, in tokens of the whole prompt. */
  readonly tiers: readonly { readonly start: number; readonly price: number }[];
}

/** US dollars per million tokens. */
export type Rate = number | TieredRate;

/** What a model's tokens cost by kind; a kind without a rate costs what any other token of its side does. */
export interface TokenRates {
  readonly prompt?: Rate;
  readonly completion?: Rate;
  readonly cachedPrompt?: Rate;
  readonly cacheWrite?: Rate;
  readonly promptAudio?: Rate;
  readonly completionAudio?: Rate;
}

function at(rate: Rate, promptTokens: number): number {
  if (typeof rate === 'number') return rate;
  let { base: price } = rate;
  for (const tier of rate.tiers) if (promptTokens > tier.start) price = tier.price;
  return price;
}

/** Binary fractions leave a tail that no price has. */
const rounded = (dollars: number): number => Number(dollars.toPrecision(12));

/**
 * What so many tokens cost in US dollars; undefined where there is no rate for some of them. Cached and cache-written
 * tokens are parts of the prompt, reasoning is part of the completion and costs the same.
 */
export function costOfTokens(rates: TokenRates, usage: Usage): number | undefined {
  const { promptTokens, completionTokens, promptTokensDetails: read, completionTokensDetails: wrote } = usage;
  let sum = 0;
  const take = (rate: Rate | undefined, tokens: number): boolean => {
    if (tokens <= 0) return true;
    if (rate === undefined) return false;
    sum += at(rate, promptTokens) * tokens;
    return true;
  };
  const cached = Math.min(read?.cachedTokens ?? 0, promptTokens);
  const written = Math.min(read?.cacheWriteTokens ?? 0, promptTokens - cached);
  const heard = rates.promptAudio === undefined ? 0 : Math.min(read?.audioTokens ?? 0, promptTokens - cached - written);
  const spoken = rates.completionAudio === undefined ? 0 : Math.min(wrote?.audioTokens ?? 0, completionTokens);
  const known =
    take(rates.cachedPrompt ?? rates.prompt, cached) &&
    take(rates.cacheWrite ?? rates.prompt, written) &&
    take(rates.promptAudio, heard) &&
    take(rates.prompt, promptTokens - cached - written - heard) &&
    take(rates.completionAudio, spoken) &&
    take(rates.completion, completionTokens - spoken);
  return known ? rounded(sum / 1e6) : undefined;
}
