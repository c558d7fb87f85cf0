import { members } from '../../../kernel/json-text.ts';

/** JSON text of a string. */
export const quote = (text: string): string => JSON.stringify(text);

/** The members of an object under construction, each as `"name":value,`; a zero value gives none. */
export const stringMember = (name: string, value: string): string => (value === '' ? '' : `"${name}":${quote(value)},`);

export const countMember = (name: string, value: number | undefined): string =>
  value === undefined ? '' : `"${name}":${value},`;

export const positiveMember = (name: string, value: number): string => (value === 0 ? '' : `"${name}":${value},`);

export const trueMember = (name: string, value: boolean): string => (value ? `"${name}":true,` : '');

export const listMember = (name: string, items: readonly string[]): string =>
  items.length === 0 ? '' : `"${name}":[${items.join(',')}],`;

/** Closes an object of members that each end in a comma. */
export const object = (text: string): string => `{${text.endsWith(',') ? text.slice(0, -1) : text}}`;

/** The members of all `extra` texts but those that this level names itself. */
export function extraMembers(extra: Readonly<Record<string, string>>, own: ReadonlySet<string>): string {
  let text = '';
  let seen: Set<string> | undefined;
  for (const provider in extra) {
    for (const [name, value] of members(extra[provider] ?? '{}')) {
      if (own.has(name) || seen?.has(name) === true) continue;
      seen ??= new Set();
      seen.add(name);
      text += `${quote(name)}:${value},`;
    }
  }
  return text;
}
