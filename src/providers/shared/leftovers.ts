import { members } from '../../kernel/json-text.ts';
import type { JsonObject } from './json-body.ts';

/**
 * The members of `object` that have no typed place, as JSON object text sliced from its source; '' where there are none.
 * Null says nothing, so it counts as absent. `source` is called only when something is left over.
 */
export function leftovers(object: JsonObject, known: ReadonlySet<string>, source: () => string | undefined): string {
  let raw: Map<string, string> | undefined;
  let json = '';
  for (const key in object) {
    if (known.has(key) || object[key] === null) continue;
    raw ??= members(source() ?? '{}');
    const value = raw.get(key);
    if (value !== undefined) json += `${json === '' ? '{' : ','}${JSON.stringify(key)}:${value}`;
  }
  return json === '' ? '' : `${json}}`;
}
