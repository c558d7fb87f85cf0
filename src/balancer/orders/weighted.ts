import type { Target } from '../../kernel/provider.ts';
import type { Candidate, Policy } from '../policy.ts';

/**
 * Smooth weighted round-robin (as nginx does it): each turn every candidate gains its weight, the one with the most
 * serves and pays the sum of all weights. Over any stretch of calls shares are within one of the exact ones.
 */
export function weighted(weightOf: (target: Target) => number = ({ weight }) => weight): Policy {
  const credits = new WeakMap<Target, { value: number }>();
  const creditOf = (target: Target) => {
    let credit = credits.get(target);
    if (credit === undefined) {
      credit = { value: 0 };
      credits.set(target, credit);
    }
    return credit;
  };
  return (candidates) => {
    let total = 0;
    let most = Number.NEGATIVE_INFINITY;
    let chosen: Candidate | undefined;
    for (const candidate of candidates) {
      const weight = weightOf(candidate.target);
      const credit = creditOf(candidate.target);
      total += weight;
      credit.value += weight;
      // A target without weight serves only where nothing else can, whatever its credit.
      if (credit.value > most && weight > 0) {
        most = credit.value;
        chosen = candidate;
      }
    }
    if (chosen === undefined) return candidates;
    creditOf(chosen.target).value -= total;
    return [chosen];
  };
}

/** Each in turn. */
export const roundRobin = (): Policy => weighted(() => 1);
