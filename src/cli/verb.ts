/** One word of the command line: `llm-bridge <verb> ...`. */
export interface Verb {
  /** What `--help` prints, without the program's name. */
  readonly usage: string;
  /** Does it; `args` are what follows the verb. Resolves with the exit code. Throws UsageError and ConfigError. */
  run(args: readonly string[]): Promise<number>;
}

/** Exit codes; those beyond 1 by sysexits.h. */
export const Exit = {
  OK: 0,
  FAILED: 1,
  USAGE: 64,
  NO_INPUT: 66,
  UNAVAILABLE: 69,
  CONFIG: 78,
  INTERRUPTED: 130,
} as const;

/** The command line makes no sense; the message says why. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
