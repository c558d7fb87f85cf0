import { members, splice } from '../../../kernel/json-text.ts';
import type { Place } from './place.ts';
import { type Fields, objectAt, readMembers } from './read.ts';

/** An `extra` map of the contract: JSON object text by provider type, "*" for any. */
export type Extra = { [provider: string]: string };

/** Adds the members of a JSON object's text to what any provider is told: objects member by member, a later value wins. */
export function keep(extra: Extra, object: string): void {
  const existing = extra['*'];
  extra['*'] = existing === undefined ? object : merge(existing, object);
}

function merge(into: string, from: string): string {
  const held = members(into);
  const changes: [string, string][] = [];
  for (const [name, value] of members(from)) {
    const other = held.get(name);
    changes.push([name, other?.startsWith('{') && value.startsWith('{') ? merge(other, value) : value]);
  }
  return splice(into, Object.fromEntries(changes));
}

/** Keeps a member under its name. */
export function keepMember(extra: Extra, name: string, text: string): void {
  keep(extra, `{${JSON.stringify(name)}:${text}}`);
}

/**
 * Reads an object whose message has no `extra` of its own: members that the table does not know travel in its owner's,
 * under the object's name.
 */
export function readNested<T>(target: T, value: unknown, at: Place, key: string, table: Fields<T>, extra: Extra): void {
  const unknown = readMembers(target, objectAt(value, at, key), at.at(key), table);
  if (unknown !== undefined) keepMember(extra, key, unknown);
}
