/** What a Gemini model takes, by its version (ai.google.dev, "Thinking", "Gemini 3"). */
export interface Model {
  /** How it is told to think: within a budget (2.5), by a level (3 and later), not at all (before 2.5). */
  readonly thinking: 'none' | 'budget' | 'level';
  /** It can be told not to think. */
  readonly canStop: boolean;
  /** The levels it knows, the lowest first. */
  readonly levels: readonly string[];
  /** Function calls must come back with their signatures, and results may hold pictures (3 and later). */
  readonly signs: boolean;
}

/** A name without a version, such as an alias for the latest, is new. */
function version(name: string): number {
  const found = /gemini-(\d+)(?:\.(\d))?/.exec(name);
  if (found) return Number(found[1]) * 10 + Number(found[2] ?? 0);
  return /gemma|learnlm/.test(name) ? 0 : 99;
}

export function modelOf(name: string): Model {
  const known = version(name);
  const pro = /-pro/.test(name);
  const plain = known === 25 && /image|tts|native-audio/.test(name);
  return {
    thinking: known < 25 || plain ? 'none' : known < 30 ? 'budget' : 'level',
    canStop: known === 25 && !pro,
    levels: pro ? (known === 30 ? ['LOW', 'HIGH'] : ['LOW', 'MEDIUM', 'HIGH']) : ['MINIMAL', 'LOW', 'MEDIUM', 'HIGH'],
    signs: known >= 30,
  };
}
