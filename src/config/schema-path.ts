import { z } from 'zod';
import type { Path } from './problem.ts';

export type Schema = z.core.$ZodType;

/** The parts of zod's definitions that lead from a schema to the ones inside it. */
interface Definition {
  readonly type: string;
  readonly innerType?: Schema;
  readonly in?: Schema;
  readonly out?: Schema;
  readonly shape?: Readonly<Record<string, Schema>>;
  readonly element?: Schema;
  readonly valueType?: Schema;
  readonly discriminator?: string;
  readonly options?: readonly Schema[];
  readonly values?: readonly unknown[];
  readonly entries?: Readonly<Record<string, string>>;
  readonly defaultValue?: unknown;
}

export const definition = (schema: Schema): Definition => schema._zod.def as unknown as Definition;

/** The schema without its defaults, optionality and transformations. */
export function bare(schema: Schema): Schema {
  const { type, innerType, in: input, out } = definition(schema);
  if (innerType !== undefined) return bare(innerType);
  if (type !== 'pipe' || input === undefined || out === undefined) return schema;
  return bare(definition(input).type === 'transform' ? out : input);
}

/** What a schema, or the nearest one that it wraps, was given as `key` by describe() or meta(). */
export function metadata(schema: Schema, key: string): unknown {
  const found = z.globalRegistry.get(schema)?.[key];
  const { innerType, in: input } = definition(schema);
  const inner = innerType ?? input;
  return found === undefined && inner !== undefined ? metadata(inner, key) : found;
}

const member = (value: unknown, step: string | number): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, step)
    ? (value as Record<string | number, unknown>)[step]
    : undefined;

/** The value at a path of plain data. */
export const valueAt = (value: unknown, path: Path): unknown => path.reduce(member, value);

/** The members of a map with fixed keys; of one chosen by a key such as `type`, those of the type that `value` names. */
export function shape(schema: Schema, value: unknown): Readonly<Record<string, Schema>> | undefined {
  const found = definition(bare(schema));
  if (found.type === 'object') return found.shape;
  if (found.discriminator === undefined || found.options === undefined) return undefined;
  const shapes = found.options.map((option) => shape(option, value) ?? {});
  const chosen = member(value, found.discriminator);
  const match = shapes.find((members) => {
    const literal = members[found.discriminator ?? ''];
    return literal !== undefined && definition(literal).values?.includes(chosen);
  });
  return match ?? Object.assign({}, ...shapes);
}

/** The schema of a member of `schema`, of which `value` is an instance; undefined where it has no such member. */
export function child(schema: Schema, step: string | number, value: unknown): Schema | undefined {
  const { type, element, valueType } = definition(bare(schema));
  if (type === 'array') return typeof step === 'number' ? element : undefined;
  if (type === 'record') return valueType;
  const members = shape(schema, value);
  return members !== undefined && Object.hasOwn(members, step) ? members[step] : undefined;
}

/** The schema at `path`, of which `value` is an instance at the root. */
export function schemaAt(root: Schema, path: Path, value: unknown): Schema | undefined {
  let schema: Schema | undefined = root;
  for (let index = 0; index < path.length && schema !== undefined; index++)
    schema = child(schema, path[index] ?? '', valueAt(value, path.slice(0, index)));
  return schema;
}

/** Whether the value is made of parts: a list, a map, or one chosen by its `type`. */
export function isComposite(schema: Schema): boolean {
  const { type, discriminator } = definition(bare(schema));
  return type === 'object' || type === 'array' || type === 'record' || discriminator !== undefined;
}
