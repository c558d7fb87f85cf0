import type { ContentKind, Target } from '../kernel/provider.ts';
import type { Admission } from './admission.ts';
import type { AttemptTimeouts } from './settings.ts';
import type { TargetVitals } from './vitals.ts';

/** A target that may serve a call, and how it fares. */
export interface Candidate {
  readonly target: Target;
  readonly vitals: TargetVitals;
  readonly timeouts: AttemptTimeouts;
  /** The places of its provider. */
  readonly admission: Admission;
}

/** What a policy may know of a call. */
export interface CallTraits {
  /** Calls with the same key share a provider's prompt cache; empty for none. */
  readonly affinityKey: string;
  readonly streaming: boolean;
  /** Estimated tokens of the prompt, and the most that may be written. */
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** What is in the request that not every model takes. */
  readonly needs: ReadonlySet<ContentKind>;
}

/** Narrows candidates to the best of them; among those it sees no difference. It is given two or more, and leaves one or more. */
export type Policy = (candidates: readonly Candidate[], call: CallTraits) => readonly Candidate[];

/** Those with the lowest number. */
export function byScore(score: (candidate: Candidate, call: CallTraits) => number): Policy {
  return (candidates, call) => {
    let best = Number.POSITIVE_INFINITY;
    let chosen: Candidate[] = [];
    for (const candidate of candidates) {
      const value = score(candidate, call);
      if (value < best) {
        best = value;
        chosen = [candidate];
      } else if (value === best) chosen.push(candidate);
    }
    return chosen;
  };
}

/** The leftmost policy decides; each later one breaks the ties of those before it, and the order of the file the last. */
export function choose(
  policies: readonly Policy[],
  candidates: readonly Candidate[],
  call: CallTraits,
): Candidate | undefined {
  let left = candidates;
  for (const policy of policies) {
    if (left.length < 2) break;
    left = policy(left, call);
  }
  return left[0];
}
