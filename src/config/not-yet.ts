import type { Path } from './problem.ts';
import { valueAt } from './schema-path.ts';

/** A setting that this build reads but does not act on. */
interface NotYet {
  /** `*` stands for any key or index. */
  readonly path: Path;
  readonly lacks: string;
  /** Whether running without it would leave a door open that its author believes shut. */
  readonly refuse: boolean;
}

const empty = (value: unknown) => typeof value === 'object' && value !== null && Object.keys(value).length === 0;
const list: readonly NotYet[] = [
  { path: ['monitoring', 'tracing', 'otlp_endpoint'], lacks: 'sends no spans', refuse: false },
];

/** One setting that has no effect. */
export interface Unheeded {
  readonly path: Path;
  readonly message: string;
  readonly refuse: boolean;
}

/** The paths of a value that `pattern` matches. */
function matches(value: unknown, [step, ...rest]: Path, above: Path = []): Path[] {
  if (step === undefined) return [above];
  if (step !== '*') return matches(valueAt(value, [step]), rest, [...above, step]);
  const keys = Array.isArray(value) ? [...value.keys()] : Object.keys((value as object | undefined) ?? {});
  return keys.flatMap((key) => matches(valueAt(value, [key]), rest, [...above, key]));
}

/** The settings of a file's value, before its defaults, that this build would not act on. */
export function unheeded(value: unknown): Unheeded[] {
  return list.flatMap(({ path: pattern, lacks, refuse }) =>
    matches(value, pattern)
      .filter((path) => {
        const set = valueAt(value, path);
        return set !== undefined && !empty(set);
      })
      .map((path) => {
        const message = refuse
          ? `this build ${lacks}, and does not run as if it did; take the setting out`
          : `it is set, but this build ${lacks}`;
        return { path, message, refuse };
      }),
  );
}

/** Whether this build acts on no value at `path` (with `*` for lists and maps), for the reference. */
export const isNotYet = (path: Path): boolean =>
  list.some(({ path: pattern }) => pattern.every((step, index) => step === path[index]));
