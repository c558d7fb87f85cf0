import { tokenize } from './tokens.ts';

/** Exactly sixty words; the failover models' whole answer. */
const failoverText =
  'A gateway that fails over well is hard to notice: the caller asks once, one provider breaks in the middle of a ' +
  'sentence, and another one finishes it. No word is lost, none is said twice, and the bill names whoever did the ' +
  'work. When nobody can help, it says so at once, in plain words, instead of falling silent.';

/** How fast the failover models are, in milliseconds. */
export interface FailoverTimings {
  /** Between two words. */
  readonly token: number;
  /** How long the silent model waits before it hangs up. */
  readonly silence: number;
  /** How long the slow model takes to its first token. */
  readonly slow: number;
  /** How long the stalling model stalls before it hangs up. */
  readonly stall: number;
  /** How long after the start, or a reset, the flapping model is down. */
  readonly outage: number;
}

export const failoverProfiles = {
  full: { token: 15, silence: 120_000, slow: 20_000, stall: 30_000, outage: 60_000 },
  fast: { token: 5, silence: 15_000, slow: 3_000, stall: 4_000, outage: 6_000 },
} as const satisfies Readonly<Record<string, FailoverTimings>>;

/** One model: the knobs of its faulty attempts, and which these are. */
interface FailoverModel {
  /** Knobs as after a model's colon. */
  readonly knobs: (timings: FailoverTimings) => string;
  /** Only the first attempt since the reset is faulty. */
  readonly once?: boolean;
  /** Faulty only so long after the reset. */
  readonly until?: (timings: FailoverTimings) => number;
  /** Refuses conversations that end in an assistant message. */
  readonly noPrefill?: boolean;
}

const healthy = () => '';
const cut = () => 'cut=40';
const overloaded = () => 'fault=503';

/** After the public failoverbench scenarios: two healthy models and the faulty ones, by name. */
export const failoverModels: ReadonlyMap<string, FailoverModel> = new Map(
  Object.entries<FailoverModel>({
    'fb-ok': { knobs: healthy },
    'fb-ok-noprefill': { knobs: healthy, noPrefill: true },
    'fb-s01-429-retry-after': { knobs: () => 'fault=429,retry_after=2', once: true },
    'fb-s02-429-persistent': { knobs: () => 'fault=429' },
    'fb-s03-500-then-200': { knobs: () => 'fault=500', once: true },
    'fb-s04-503-persistent': { knobs: overloaded },
    'fb-s05-reset': { knobs: () => 'fault=reset', once: true },
    'fb-s06-no-response': { knobs: (timings) => `fault=silent,stall_for=${timings.silence}` },
    'fb-s07-slow-ttft': { knobs: (timings) => `ttft=${timings.slow}` },
    'fb-s08-stream-cut': { knobs: cut },
    'fb-s09-stream-stall': { knobs: (timings) => `stall=20,stall_for=${timings.stall},cut=20` },
    'fb-s10-malformed-chunk': { knobs: () => 'malformed=10' },
    'fb-s11-no-done': { knobs: () => 'no_done' },
    'fb-s12-context-length': { knobs: () => 'fault=context' },
    'fb-s13-content-filter': { knobs: () => 'fault=content' },
    'fb-s14-stream-cut': { knobs: cut },
    'fb-s15-flap': { knobs: overloaded, until: (timings) => timings.outage },
    'fb-s16-503-persistent': { knobs: overloaded },
  }),
);

/**
 * The knobs of an attempt at a failover model.
 * @param attempt from 1, counted for each model since the reset
 * @param elapsed milliseconds since the reset
 */
export function failoverKnobs(
  model: FailoverModel,
  attempt: number,
  elapsed: number,
  timings: FailoverTimings,
): string {
  const pace = `tps=${1_000 / timings.token}`;
  const over = (model.once === true && attempt > 1) || (model.until !== undefined && elapsed >= model.until(timings));
  return over ? pace : `${pace},${model.knobs(timings)}`;
}

/** What is left to say after a prefill: the whole answer where it is not a beginning of it. */
export function failoverPieces(prefill: string): string[] {
  const pieces = tokenize(failoverText);
  const said = prefill.trim();
  if (said === '' || !failoverText.startsWith(said)) return pieces;
  const rest = failoverText.slice(said.length);
  return rest.startsWith(' ') || rest === '' ? tokenize(rest) : pieces;
}
