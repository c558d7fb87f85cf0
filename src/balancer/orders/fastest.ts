import type { CallTraits, Candidate, Policy } from '../policy.ts';

/** Expected wait: a target never measured is tried early, but not by everyone at once. */
const cost = ({ vitals }: Candidate, { streaming }: CallTraits): number =>
  ((streaming ? vitals.firstToken : vitals.whole).value || 1) * (vitals.inFlight + 1);

/**
 * Power of two choices over peak-EWMA time to first token x attempts under way: of two drawn at random the cheaper
 * one serves, so that no target is stampeded on stale news.
 */
export const fastest =
  (chance: () => number): Policy =>
  (candidates, call) => {
    const i = Math.floor(chance() * candidates.length);
    const j = Math.floor(chance() * (candidates.length - 1));
    const first = candidates[i];
    const second = candidates[j < i ? j : j + 1];
    if (first === undefined || second === undefined) return candidates;
    return [cost(second, call) < cost(first, call) ? second : first];
  };
