import { fromText } from './from-text.ts';
import type { Path } from './problem.ts';
import { type Schema, schemaAt } from './schema-path.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const REFERENCE = /\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?:(:-)([^}]*))?\})?/g;

/** What became of the `${NAME}` and `${NAME:-default}` in a value. */
export interface Substituted {
  readonly value: unknown;
  /** The variables that each path's text names. */
  readonly names: ReadonlyMap<string, readonly string[]>;
  readonly problems: readonly { readonly path: Path; readonly message: string }[];
}

/** How `names` is keyed. */
export const pathKey = (path: Path): string => JSON.stringify(path);

/**
 * Reads the environment into every string of `root`; keys stay as they are. An empty variable takes the default, `$${`
 * stands for `${`. An unset one without a default is a problem, except where `mayBeUnset` says: there it is empty.
 */
export function substitute(
  root: unknown,
  schema: Schema,
  env: Environment,
  mayBeUnset: (path: Path) => boolean,
): Substituted {
  const names = new Map<string, string[]>();
  const problems: { path: Path; message: string }[] = [];

  function inText(text: string, path: Path): unknown {
    const found: string[] = [];
    const result = text.replace(REFERENCE, (match, name?: string, mark?: string, fallback?: string) => {
      if (match === '$${') return '${';
      if (name === undefined) {
        problems.push({ path, message: `a \${ without a name and its }; write $\${ for the characters themselves` });
        return '';
      }
      found.push(name);
      const value = env[name];
      if (mark !== undefined) return value === undefined || value === '' ? (fallback ?? '') : value;
      if (value === undefined && !mayBeUnset(path))
        problems.push({ path, message: `the variable ${name} is not set; \${${name}:-...} gives it a default` });
      return value ?? '';
    });
    if (found.length === 0) return result;
    names.set(pathKey(path), found);
    const leaf = schemaAt(schema, path, root);
    try {
      return leaf === undefined ? result : fromText(leaf, result);
    } catch {
      return result;
    }
  }

  function walk(value: unknown, path: Path): unknown {
    if (typeof value === 'string') return value.includes('${') ? inText(value, path) : value;
    if (Array.isArray(value)) return value.map((element, index) => walk(element, [...path, index]));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, walk(inner, [...path, key])]));
  }

  return { value: walk(root, []), names, problems };
}
