import { members, splice } from '../../kernel/json-text.ts';
import type { JsonObject } from './json-body.ts';

type Source = () => string | undefined;

/**
 * The members of `object` that have no typed place, as JSON object text sliced from its source; '' where there are none.
 * Null says nothing, so it counts as absent. `source` is called only when something is left over.
 */
export function leftovers(object: JsonObject, known: ReadonlySet<string>, source: Source): string {
  return slices(object, (key) => !known.has(key), source);
}

/** The named members alone, likewise. */
export function picked(object: JsonObject, names: ReadonlySet<string>, source: Source): string {
  return slices(object, (key) => names.has(key), source);
}

/** Two such texts as one; a member that both have is the second's. */
export function joined(first: string, second: string): string {
  if (first === '' || second === '') return first || second;
  return splice(first, Object.fromEntries(members(second)));
}

function slices(object: JsonObject, wanted: (key: string) => boolean, source: Source): string {
  let raw: Map<string, string> | undefined;
  let json = '';
  for (const key in object) {
    if (object[key] === null || !wanted(key)) continue;
    raw ??= members(source() ?? '{}');
    const value = raw.get(key);
    if (value !== undefined) json += `${json === '' ? '{' : ','}${JSON.stringify(key)}:${value}`;
  }
  return json === '' ? '' : `${json}}`;
}
