import type { Admission } from './admission.ts';
import type { HedgePace } from './hedge-pace.ts';
import { type CallTraits, type Candidate, choose, type Policy } from './policy.ts';
import type { RouteSettings } from './settings.ts';

/** From so many targets on, a lane with fewer than half of them healthy asks the unhealthy too. */
const panicFrom = 4;

/** The targets of one route, or the single target of a model asked for by provider, with all that decides among them. */
export interface Lane {
  readonly name: string;
  readonly settings: RouteSettings;
  /** Candidates by priority, the first tier first. */
  readonly tiers: readonly (readonly Candidate[])[];
  readonly policies: readonly Policy[];
  readonly admission: Admission;
  readonly pace: HedgePace;
  /** Whether its target is asked however it fares: the caller named it, and there is no other. */
  readonly insists: boolean;
  /** Whether the choice depends on what is in the request. */
  readonly looksInside: boolean;
}

const nothing: CallTraits['needs'] = new Set();

const cooled = ({ vitals }: Candidate): boolean => !vitals.hasKey;

/** Most are ejected: either all is lost, or the news is wrong. Then everyone that does not cool is asked. */
function isPanicking({ tiers }: Lane): boolean {
  let all = 0;
  let healthy = 0;
  for (const tier of tiers) {
    all += tier.length;
    for (const { vitals } of tier) if (vitals.breaker.state === 'closed' && vitals.pulse.up) healthy++;
  }
  return all >= panicFrom && healthy * 2 < all;
}

/** Whether a target may be asked now: it is healthy, or its probe is due, and one of its keys may be used. */
export const isReady = (candidate: Candidate): boolean =>
  candidate.vitals.breaker.allows && candidate.vitals.pulse.up && !cooled(candidate);

/**
 * The target to ask: of the first tier that has any, the one that the policies choose among those that are ready, have
 * room, and can serve such a request. Undefined while none is.
 */
export function select(lane: Lane, call: CallTraits, passed?: ReadonlySet<Candidate>): Candidate | undefined {
  if (lane.insists) {
    const named = lane.tiers[0]?.[0];
    return named === undefined || passed?.has(named) ? undefined : named;
  }
  const found = search(lane, call, passed, false, false);
  if (found !== undefined) return found;
  if (isPanicking(lane)) {
    const any = search(lane, call, passed, false, true);
    if (any !== undefined) return any;
  }
  // Nobody has room: one of them is worth waiting for.
  const crowded = search(lane, call, passed, true, false);
  if (crowded !== undefined || !lane.looksInside) return crowded;
  // Nobody is known to take it: a provider's own word is better than a guess.
  return search(lane, { ...call, promptTokens: 0, needs: nothing }, passed, true, false);
}

function search(
  lane: Lane,
  call: CallTraits,
  passed: ReadonlySet<Candidate> | undefined,
  crowded: boolean,
  panic: boolean,
): Candidate | undefined {
  for (const tier of lane.tiers) {
    const [only] = tier;
    if (tier.length === 1 && only !== undefined) {
      if (mayServe(only, call, passed, crowded, panic)) return only;
      continue;
    }
    const fit = tier.filter((candidate) => mayServe(candidate, call, passed, crowded, panic));
    if (fit.length > 0) return choose(lane.policies, fit, call);
  }
  return undefined;
}

const mayServe = (
  candidate: Candidate,
  call: CallTraits,
  passed: ReadonlySet<Candidate> | undefined,
  crowded: boolean,
  panic: boolean,
): boolean =>
  (panic ? !cooled(candidate) : isReady(candidate)) &&
  (crowded || candidate.admission.hasRoom) &&
  passed?.has(candidate) !== true &&
  isCapable(candidate, call);

function isCapable({ target: { context, lacks } }: Candidate, { promptTokens, needs }: CallTraits): boolean {
  if (context !== undefined && promptTokens > context) return false;
  return lacks === undefined || !lacks.some((kind) => needs.has(kind));
}

/** Milliseconds until some target may be asked again, and whether it is for their limits that they can't. */
export function soonest({ tiers }: Lane): { readonly ms: number; readonly limited: boolean } {
  let ms = Number.POSITIVE_INFINITY;
  let limited = false;
  for (const tier of tiers) {
    for (const { vitals } of tier) {
      limited ||= vitals.coolingMs > 0;
      ms = Math.min(ms, Math.max(vitals.coolingMs, vitals.breaker.openMs, vitals.pulse.downMs));
    }
  }
  return { ms, limited };
}
