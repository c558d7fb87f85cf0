import { fromText } from './from-text.ts';
import type { Path, Problem } from './problem.ts';
import { bare, child, definition, isComposite, type Schema, shape, valueAt } from './schema-path.ts';
import { type Environment, pathKey } from './substitute.ts';
import { didYouMean } from './suggest.ts';

const PREFIX = 'LLMBRIDGE_';

/** Names the file of the configuration; read before the file, so not one of its keys. */
export const FILE_VARIABLE = 'LLMBRIDGE_CONFIG';

/** What Kubernetes sets in every pod beside a service named `llmbridge`. */
const KUBERNETES = /^LLMBRIDGE_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?)$/;

const normal = (key: string | number) =>
  String(key)
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, '_');

/** The variable that overrides the value at `path`. */
export const variableOf = (path: Path): string => PREFIX + path.map(normal).join('__');

/** What the environment changed, in the value that was given. */
export interface Overridden {
  /** By `pathKey`, the variable that set the value there. */
  readonly origins: ReadonlyMap<string, string>;
  readonly problems: readonly Problem[];
}

/** The keys that stand, or may stand, under `schema`; a record's and a list's are those of the value. */
function keys(schema: Schema, value: unknown): (string | number)[] {
  if (Array.isArray(value)) return definition(bare(schema)).type === 'array' ? [...value.keys()] : [];
  const members = shape(schema, value);
  if (members !== undefined) return Object.keys(members);
  const isRecord = definition(bare(schema)).type === 'record';
  return isRecord && typeof value === 'object' && value !== null ? Object.keys(value) : [];
}

/** Every path under `schema` that has a name. */
function* paths(schema: Schema, value: unknown, above: Path = []): Generator<Path> {
  for (const key of keys(schema, value)) {
    const inner = child(schema, key, value);
    if (inner === undefined) continue;
    const path = [...above, key];
    yield path;
    yield* paths(inner, valueAt(value, [key]), path);
  }
}

/** Where a variable points to, or undefined if nowhere. A new name in a record is taken in lower case. */
function resolve(
  root: Schema,
  value: unknown,
  segments: readonly string[],
): { path: Path; schema: Schema } | undefined {
  const path: (string | number)[] = [];
  let schema = root;
  for (const segment of segments) {
    const here = valueAt(value, path);
    const isRecord = definition(bare(schema)).type === 'record';
    const key =
      keys(schema, here).find((known) => normal(known) === segment) ?? (isRecord ? segment.toLowerCase() : '');
    const inner = key === '' ? undefined : child(schema, key, here);
    if (inner === undefined) return undefined;
    path.push(key);
    schema = inner;
  }
  return { path, schema };
}

/** Sets the value at `path`, making the maps on the way. */
function assign(root: Record<string, unknown>, path: Path, value: unknown): void {
  let at = root as Record<string | number, unknown>;
  for (const step of path.slice(0, -1)) {
    if (typeof at[step] !== 'object' || at[step] === null) at[step] = {};
    at = at[step] as Record<string | number, unknown>;
  }
  const last = path.at(-1);
  if (last !== undefined) at[last] = value;
}

/**
 * Sets in `value` what `LLMBRIDGE_<PATH>` variables say: `__` between levels, case ignored, `-` and the like as `_`,
 * lists and maps as JSON, wider paths before narrower ones. An empty variable sets nothing; an unknown one is a problem.
 */
export function override(schema: Schema, value: Record<string, unknown>, env: Environment): Overridden {
  const origins = new Map<string, string>();
  const problems: Problem[] = [];
  const variables = Object.entries(env)
    .map(([name, text]) => ({ name, text: text ?? '', segments: name.toUpperCase().slice(PREFIX.length).split('__') }))
    .filter(({ name, text }) => {
      const upper = name.toUpperCase();
      return text !== '' && upper.startsWith(PREFIX) && upper !== FILE_VARIABLE && !KUBERNETES.test(upper);
    })
    .sort((a, b) => a.segments.length - b.segments.length || (a.name < b.name ? -1 : 1));

  for (const { name, text, segments } of variables) {
    const target = resolve(schema, value, segments);
    if (target === undefined) {
      const names = [...paths(schema, value)].map(variableOf);
      const message = `there is no such setting${didYouMean(name, [...names, FILE_VARIABLE])}`;
      problems.push({ where: name, path: [], message });
      continue;
    }
    const { path } = target;
    const rival = origins.get(pathKey(path));
    if (rival !== undefined) {
      problems.push({ where: name, path, message: `is set by ${rival} too` });
      continue;
    }
    try {
      assign(value, path, fromText(target.schema, text));
      origins.set(pathKey(path), name);
    } catch {
      const kind = isComposite(target.schema) ? 'a list or map' : 'this value';
      problems.push({ where: name, path, message: `must be JSON: ${kind} is written so in the environment` });
    }
  }
  return { origins, problems };
}
