import { members, splice } from '../../../kernel/json-text.ts';
import type { Place } from './place.ts';
import { type Fields, objectAt, readMembers } from './read.ts';

/** An `extra` map of the contract: JSON object text by provider type, "*" for any. */
export type Extra = { [provider: string]: string };

/** Adds the members of a JSON object's text to what any provider is told; a later member wins. */
export function keep(extra: Extra, object: string): void {
  const existing = extra['*'];
  extra['*'] = existing === undefined ? object : splice(existing, Object.fromEntries(members(object)));
}

/**
 * Reads an object whose message has no `extra` of its own. If it has a member that the table does not know, the whole
 * object also travels in its owner's `extra`, as the caller wrote it.
 */
export function readNested<T>(target: T, value: unknown, at: Place, key: string, table: Fields<T>, extra: Extra): void {
  const unknown = readMembers(target, objectAt(value, at, key), at.at(key), table);
  if (unknown !== undefined) keep(extra, `{${JSON.stringify(key)}:${at.textOf(key)}}`);
}
