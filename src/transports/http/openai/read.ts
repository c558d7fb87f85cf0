import { invalidField } from '../../../kernel/fault.ts';
import type { Place } from './place.ts';

/** A JSON object as JSON.parse made it. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** How one member of an object is read into a message. `at` is the object's place, `key` the member's. */
export type Field<T> = (target: T, value: unknown, at: Place, key: string) => void;

export type Fields<T> = ReadonlyMap<string, Field<T>>;

/** A table of fields; a Map, so that `__proto__` and `constructor` are names like any other. */
export const fields = <T>(rows: Readonly<Record<string, Field<T>>>): Fields<T> => new Map(Object.entries(rows));

/**
 * Reads the members that the table knows into `target`; null counts as absent. The others come back as the text of a
 * JSON object, each as the caller wrote it; undefined where there are none.
 */
export function readMembers<T>(target: T, value: JsonObject, at: Place, table: Fields<T>): string | undefined {
  let unknown = '';
  for (const key in value) {
    const field = table.get(key);
    const member = value[key];
    if (field === undefined) unknown += `${unknown === '' ? '{' : ','}${JSON.stringify(key)}:${at.textOf(key)}`;
    else if (member !== null) field(target, member, at, key);
    else if (ownFields.has(field)) at.traits.plain = false;
  }
  return unknown === '' ? undefined : `${unknown}}`;
}

/** Reads an object that only the gateway looks at: a member that it does not know is refused. */
export function readClosed<T>(target: T, value: unknown, at: Place, key: string, table: Fields<T>): void {
  const object = objectAt(value, at, key);
  const place = at.at(key);
  for (const name in object) {
    const field = table.get(name);
    if (field === undefined) throw invalidField(place.pathOf(name), 'is not known');
    if (object[name] !== null) field(target, object[name], place, name);
  }
}

const wrong = (at: Place, key: string | number, wanted: string) => invalidField(at.pathOf(key), `must be ${wanted}`);

export function stringAt(value: unknown, at: Place, key: string | number): string {
  if (typeof value !== 'string') throw wrong(at, key, 'a string');
  return value;
}

export function numberAt(value: unknown, at: Place, key: string | number): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw wrong(at, key, 'a number');
  return value;
}

/** A count that fits the contract's uint32. */
function countAt(value: unknown, at: Place, key: string | number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 0xffff_ffff)
    throw wrong(at, key, 'an integer from 0 to 4294967295');
  return value;
}

export function booleanAt(value: unknown, at: Place, key: string | number): boolean {
  if (typeof value !== 'boolean') throw wrong(at, key, 'true or false');
  return value;
}

export const isObject = (value: unknown): value is JsonObject =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

export function objectAt(value: unknown, at: Place, key: string | number): JsonObject {
  if (!isObject(value)) throw wrong(at, key, 'an object');
  return value;
}

export function arrayAt(value: unknown, at: Place, key: string | number): readonly unknown[] {
  if (!Array.isArray(value)) throw wrong(at, key, 'an array');
  return value;
}

function stringsAt(value: unknown, at: Place, key: string): string[] {
  const place = at.at(key);
  return arrayAt(value, at, key).map((item, i) => stringAt(item, place, i));
}

/** A list that may be written as its one item. */
export function stringOrStringsAt(value: unknown, at: Place, key: string): string[] {
  if (typeof value === 'string') return [value];
  if (!Array.isArray(value)) throw wrong(at, key, 'a string or an array of strings');
  return stringsAt(value, at, key);
}

/** A 64-bit integer, exact: JSON.parse rounds beyond 2^53, so the digits are read from the source text. */
export function int64At(value: unknown, at: Place, key: string): bigint {
  if (typeof value === 'number' && Number.isInteger(value)) {
    if (Number.isSafeInteger(value)) return BigInt(value);
    const text = at.textOf(key);
    const exact = /^-?\d+$/.test(text) ? BigInt(text) : BigInt(value);
    if (BigInt.asIntN(64, exact) === exact) return exact;
  }
  throw wrong(at, key, 'a 64-bit integer');
}

/** A map of the contract; its keys become an object's, so `__proto__` cannot be one. */
export function mapAt<V>(
  value: unknown,
  at: Place,
  key: string,
  read: (value: unknown, at: Place, key: string) => V,
): { [key: string]: V } {
  const object = objectAt(value, at, key);
  const place = at.at(key);
  const map: { [key: string]: V } = {};
  for (const name in object) {
    if (name === '__proto__') throw invalidField(place.pathOf(name), 'is not a usable key');
    map[name] = read(object[name], place, name);
  }
  return map;
}

/** Fields that only set a property of the same kind. */
export const setString =
  <K extends string>(name: K): Field<{ [P in K]?: string | undefined }> =>
  (target, value, at, key) => {
    target[name] = stringAt(value, at, key);
  };

export const setNumber =
  <K extends string>(name: K): Field<{ [P in K]?: number | undefined }> =>
  (target, value, at, key) => {
    target[name] = numberAt(value, at, key);
  };

export const setCount =
  <K extends string>(name: K): Field<{ [P in K]?: number | undefined }> =>
  (target, value, at, key) => {
    target[name] = countAt(value, at, key);
  };

export const setBoolean =
  <K extends string>(name: K): Field<{ [P in K]?: boolean | undefined }> =>
  (target, value, at, key) => {
    target[name] = booleanAt(value, at, key);
  };

export const setStrings =
  <K extends string>(name: K): Field<{ [P in K]?: string[] | undefined }> =>
  (target, value, at, key) => {
    target[name] = stringsAt(value, at, key);
  };

/** A member that is kept as the text that the caller wrote. */
export const setText =
  <K extends string>(name: K): Field<{ [P in K]?: string | undefined }> =>
  (target, _value, at, key) => {
    target[name] = at.textOf(key);
  };

const ownFields = new WeakSet<object>();

/** A field of this project's own: a request that has it, even as null, is no plain OpenAI request. */
export function own<T>(field: Field<T>): Field<T> {
  const marked: Field<T> = (target, value, at, key) => {
    at.traits.plain = false;
    field(target, value, at, key);
  };
  ownFields.add(marked);
  return marked;
}

/** A member that another reader has looked at. */
export const ignore: Field<unknown> = () => {};
