import { members, RawJson, toJson, valueAt } from '../../kernel/json-text.ts';
import type { JsonObject } from '../shared/json-body.ts';

/**
 * What has no typed place: the members of the object at `path` of `json` that are not `known`, as JSON object text in
 * their own spelling, or '' if there are none. Members that are null say nothing.
 */
export function unknownFields(
  object: JsonObject,
  known: ReadonlySet<string>,
  json: string,
  path: readonly (string | number)[],
): string {
  let found: Record<string, RawJson> | undefined;
  let source: Map<string, string> | undefined;
  for (const key in object) {
    if (known.has(key) || object[key] === null) continue;
    source ??= members(valueAt(json, path) ?? '{}');
    const text = source.get(key);
    if (text === undefined) continue;
    found ??= {};
    found[key] = new RawJson(text);
  }
  return found === undefined ? '' : toJson(found);
}
