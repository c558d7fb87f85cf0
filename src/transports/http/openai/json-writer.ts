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

/**
 * `extra` of what callers send back: what is of any provider as members here, all else under its provider's name, so
 * that no other is sent it.
 */
export function ownedExtra(extra: Readonly<Record<string, string>>, own: ReadonlySet<string>): string {
  let owned = '';
  for (const provider in extra) if (provider !== '*') owned += `${quote(provider)}:${extra[provider] || '{}'},`;
  const { '*': any } = extra;
  return (any === undefined ? '' : extraMembers({ '*': any }, own)) + (owned === '' ? '' : `"extra":${object(owned)},`);
}

/** The members of a JSON object's text that another has not, or has otherwise; within objects, theirs. */
export function untold(json: string, told: string): string {
  const before = members(told);
  let text = '';
  for (const [name, value] of members(json)) {
    const held = before.get(name);
    if (held === value) continue;
    const inner = held?.startsWith('{') === true && value.startsWith('{') ? untold(value, held) : value;
    if (inner !== '{}' || value === '{}') text += `${quote(name)}:${inner},`;
  }
  return object(text);
}

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
