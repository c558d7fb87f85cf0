import { sampleOf } from './pattern.ts';
import type { Random } from './random.ts';

/** A JSON Schema, read leniently: what is not understood does not constrain. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown };
type SchemaObject = { readonly [keyword: string]: unknown };

/** Beyond this depth only what is required is written. */
const OPTIONAL_DEPTH = 3;
/** Beyond this depth nothing is: the schema can't be satisfied by a finite value. */
const LAST_DEPTH = 24;

const formats: ReadonlyMap<unknown, string> = new Map(
  Object.entries({
    'date-time': '2026-01-02T03:04:05Z',
    date: '2026-01-02',
    time: '03:04:05Z',
    duration: 'PT1H',
    email: 'someone@example.com',
    hostname: 'example.com',
    ipv4: '192.0.2.1',
    ipv6: '2001:db8::1',
    uri: 'https://example.com/',
    uuid: '123e4567-e89b-42d3-a456-426614174000',
  }),
);

/** Values that read well under common names. */
const likely: ReadonlyMap<string, string> = new Map(
  Object.entries({
    city: 'Paris',
    location: 'Paris, France',
    country: 'France',
    name: 'Ada',
    email: 'ada@example.com',
    url: 'https://example.com/',
    date: '2026-01-02',
    language: 'en',
    currency: 'EUR',
    unit: 'celsius',
    timezone: 'Europe/Paris',
  }),
);

const isObject = (value: unknown): value is SchemaObject =>
  value !== null && typeof value === 'object' && !Array.isArray(value);
const isSchema = (value: unknown): value is JsonSchema => typeof value === 'boolean' || isObject(value);
const listOf = (value: unknown): readonly JsonSchema[] => (Array.isArray(value) ? value.filter(isSchema) : []);
const numberOr = (value: unknown, fallback: number): number => (typeof value === 'number' ? value : fallback);

/** Writes values that a schema accepts. */
class Writer {
  readonly #root: JsonSchema;
  readonly #random: Random;

  constructor(root: JsonSchema, random: Random) {
    this.#root = root;
    this.#random = random;
  }

  value(schema: JsonSchema, name: string, depth: number): unknown {
    if (typeof schema === 'boolean' || depth > LAST_DEPTH) return null;
    const whole = this.#flatten(schema, depth);
    if ('const' in whole) return whole['const'];
    const options = whole['enum'];
    if (Array.isArray(options) && options.length > 0) return this.#random.pick<unknown>(options);
    const branches = [...listOf(whole['anyOf']), ...listOf(whole['oneOf'])];
    if (branches.length > 0) return this.value(this.#branch(whole, branches, depth), name, depth + 1);
    switch (this.#type(whole, depth)) {
      case 'object':
        return this.#object(whole, depth);
      case 'array':
        return this.#array(whole, name, depth);
      case 'integer':
        return this.#number(whole, true);
      case 'number':
        return this.#number(whole, false);
      case 'boolean':
        return this.#random.next() < 0.5;
      case 'null':
        return null;
      default:
        return this.#string(whole, name);
    }
  }

  /** Follows `$ref` and merges `allOf`, which add to what stands beside them. */
  #flatten(schema: SchemaObject, depth: number): SchemaObject {
    const { $ref: reference, allOf, ...own } = schema as Record<string, unknown>;
    let merged: Record<string, unknown> = own;
    const more: JsonSchema[] = [...listOf(allOf)];
    if (typeof reference === 'string') more.push(this.#resolve(reference));
    for (const part of more) {
      if (typeof part === 'boolean' || depth > LAST_DEPTH) continue;
      const flat = this.#flatten(part, depth + 1);
      const properties = isObject(flat['properties']) ? flat['properties'] : {};
      const before = isObject(merged['properties']) ? merged['properties'] : {};
      const required = [merged['required'], flat['required']].flatMap((list) => (Array.isArray(list) ? list : []));
      merged = { ...flat, ...merged };
      if (isObject(flat['properties']) || isObject(own['properties'])) {
        merged['properties'] = { ...before, ...properties };
      }
      if (required.length > 0) merged['required'] = required;
    }
    return merged;
  }

  #resolve(reference: string): JsonSchema {
    if (!reference.startsWith('#')) return true;
    let found: unknown = this.#root;
    for (const step of reference.slice(1).split('/').slice(1)) {
      const key = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
      found = isObject(found) || Array.isArray(found) ? (found as Record<string, unknown>)[key] : undefined;
    }
    return isSchema(found) ? found : true;
  }

  /** The first branch near the root; further down the one that ends soonest. What stands beside goes with it. */
  #branch(whole: SchemaObject, branches: readonly JsonSchema[], depth: number): JsonSchema {
    const { anyOf: _any, oneOf: _one, ...beside } = whole as Record<string, unknown>;
    const flat = branches.map((branch) => (typeof branch === 'boolean' ? {} : this.#flatten(branch, depth)));
    const simple = flat.find((branch) => !['object', 'array', undefined].includes(branch['type'] as string));
    const nothing = flat.find((branch) => branch['type'] === 'null');
    const chosen = depth > OPTIONAL_DEPTH ? (nothing ?? simple ?? flat[0]) : flat[0];
    return { allOf: [chosen ?? {}], ...beside };
  }

  #type(schema: SchemaObject, depth: number): unknown {
    const { type } = schema;
    if (Array.isArray(type)) {
      if (depth > OPTIONAL_DEPTH && type.includes('null')) return 'null';
      return type.find((one) => one !== 'null') ?? 'null';
    }
    if (type !== undefined) return type;
    if ('properties' in schema || 'required' in schema) return 'object';
    if ('items' in schema || 'prefixItems' in schema) return 'array';
    return 'minimum' in schema || 'maximum' in schema || 'multipleOf' in schema ? 'number' : 'string';
  }

  #object(schema: SchemaObject, depth: number): unknown {
    const properties = isObject(schema['properties']) ? schema['properties'] : {};
    const required = new Set(Array.isArray(schema['required']) ? (schema['required'] as unknown[]) : []);
    const entries: [string, unknown][] = [];
    for (const [name, property] of Object.entries(properties)) {
      if (!isSchema(property) || property === false) continue;
      if (required.has(name) || depth < OPTIONAL_DEPTH) entries.push([name, this.value(property, name, depth + 1)]);
    }
    const extra = schema['additionalProperties'];
    const other: JsonSchema = isSchema(extra) && extra !== false ? extra : { type: 'string' };
    for (const name of required) {
      if (typeof name === 'string' && !Object.hasOwn(properties, name)) {
        entries.push([name, this.value(other === true ? { type: 'string' } : other, name, depth + 1)]);
      }
    }
    for (let i = 1; entries.length < numberOr(schema['minProperties'], 0) && i < 100; i++) {
      entries.push([`key${i}`, this.value(other === true ? { type: 'string' } : other, '', depth + 1)]);
    }
    return Object.fromEntries(entries);
  }

  #array(schema: SchemaObject, name: string, depth: number): unknown[] {
    const prefix = listOf(schema['prefixItems']);
    const items: JsonSchema = isSchema(schema['items']) ? schema['items'] : { type: 'string' };
    const least = numberOr(schema['minItems'], 0);
    const wanted = Math.max(least, prefix.length, depth > OPTIONAL_DEPTH ? 0 : 1);
    const length = Math.min(wanted, numberOr(schema['maxItems'], wanted), 1_000);
    const values: unknown[] = [];
    const seen = new Set<string>();
    for (let tries = 0; values.length < length && tries < length + 200; tries++) {
      let value = this.value(prefix[values.length] ?? items, name, depth + 1);
      if (schema['uniqueItems'] === true) {
        if (typeof value === 'string' && seen.has(JSON.stringify(value)) && tries < length + 100) {
          value = this.#distinct(items, `${value} ${values.length + 1}`);
        }
        if (seen.has(JSON.stringify(value))) continue;
        seen.add(JSON.stringify(value));
      }
      values.push(value);
    }
    return values;
  }

  /** A free text may take a number to be unlike the ones before; a constrained one is drawn again instead. */
  #distinct(items: JsonSchema, text: string): string {
    const bound =
      isObject(items) && ['enum', 'const', 'pattern', 'format', '$ref', 'maxLength'].some((key) => key in items);
    return bound ? String(this.value(items, '', 0)) : text;
  }

  #number(schema: SchemaObject, whole: boolean): number {
    const step = numberOr(schema['multipleOf'], whole ? 1 : 0.5);
    const above = numberOr(schema['exclusiveMinimum'], Number.NEGATIVE_INFINITY);
    const below = numberOr(schema['exclusiveMaximum'], Number.POSITIVE_INFINITY);
    const least = Math.max(numberOr(schema['minimum'], Number.NEGATIVE_INFINITY), above);
    const most = Math.min(numberOr(schema['maximum'], Number.POSITIVE_INFINITY), below);
    const from = Number.isFinite(least) ? least : Number.isFinite(most) ? most - 10 * step : 1;
    let first = Math.ceil(from / step);
    if (first * step <= above) first++;
    const last = Math.floor((Number.isFinite(most) ? most : from + 10 * step) / step);
    const value = this.#random.integer(first, Math.max(first, Math.min(last, first + 9))) * step;
    if (value < most || (value === most && value < below)) return value;
    // Bounds that lie closer than a step: between them.
    if (first * step < below && first * step <= most) return first * step;
    return (Math.max(least, above) + Math.min(most, below)) / 2;
  }

  #string(schema: SchemaObject, name: string): string {
    const { pattern, format } = schema;
    if (typeof pattern === 'string') return sampleOf(pattern, this.#random);
    const known = formats.get(format);
    if (known !== undefined) return known;
    const least = numberOr(schema['minLength'], 0);
    const most = numberOr(schema['maxLength'], Number.POSITIVE_INFINITY);
    const text = likely.get(name.toLowerCase()) ?? (name === '' ? 'simulated' : `simulated ${name}`);
    return [...text.padEnd(Math.min(least, 10_000), '.')].slice(0, most).join('');
  }
}

/** A value that the schema accepts, the same for the same seed. */
export const instanceOf = (schema: JsonSchema, random: Random): unknown =>
  new Writer(schema, random).value(schema, '', 0);

/** JSON with a space after commas and colons, so that it falls into several tokens. */
export function spacedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spacedJson).join(', ')}]`;
  if (!isObject(value)) return JSON.stringify(value) ?? 'null';
  return `{${Object.entries(value)
    .map(([key, member]) => `${JSON.stringify(key)}: ${spacedJson(member)}`)
    .join(', ')}}`;
}
