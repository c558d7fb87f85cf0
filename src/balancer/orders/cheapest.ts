import { byScore } from '../policy.ts';

/** The lowest price of the estimated tokens. Targets without a price come last. */
export const cheapest = () =>
  byScore(({ target: { price } }, { promptTokens, completionTokens }) =>
    price === undefined
      ? Number.MAX_VALUE
      : price.prompt * promptTokens + price.completion * Math.max(1, completionTokens),
  );
