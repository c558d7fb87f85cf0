/** A place in the configuration: keys and list indices from the root. */
export type Path = readonly (string | number)[];

/** One thing that is wrong, and where it stands. Its text holds no secret. */
export interface Problem {
  /** `file:line:column`, or the environment variable that set the value. */
  readonly where: string;
  readonly path: Path;
  readonly message: string;
}

/** `models[0].targets[1].provider`; empty for the root. */
export function pathText(path: Path): string {
  let text = '';
  for (const step of path) text += typeof step === 'number' ? `[${step}]` : `${text === '' ? '' : '.'}${step}`;
  return text;
}

const line = ({ where, path, message }: Problem) =>
  path.length === 0 ? `${where}: ${message}` : `${where}: ${pathText(path)}: ${message}`;

/** The configuration cannot be used: everything that is wrong with it, one line each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(line).join('\n'));
    this.problems = problems;
  }
}
