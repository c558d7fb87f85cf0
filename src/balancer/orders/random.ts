import type { Policy } from '../policy.ts';

/** Any of them, with equal chances. */
export const random =
  (chance: () => number): Policy =>
  (candidates) => {
    const chosen = candidates[Math.floor(chance() * candidates.length)];
    return chosen === undefined ? candidates : [chosen];
  };
