import type { ParsedRequest } from '../dialect.ts';
import type { JsonSchema } from '../json-schema.ts';
import { readKnobs, splitModel } from '../knobs.ts';
import type { Query } from '../query.ts';
import { badRequest } from '../simulated-error.ts';

/** A JSON object of a request. */
export type Json = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is Json =>
  value !== null && typeof value === 'object' && !Array.isArray(value);
export const isSchema = (value: unknown): value is JsonSchema => typeof value === 'boolean' || isObject(value);

/** The member as an object; empty where it is none. */
export const objectIn = (body: Json, name: string): Json => {
  const value = body[name];
  return isObject(value) ? value : {};
};

/** The member's objects; none where it is no list. */
export const objectsIn = (body: Json, name: string): readonly Json[] => {
  const value = body[name];
  return Array.isArray(value) ? value.filter(isObject) : [];
};

/** The member as text; empty where it is none. */
export const textIn = (body: Json, name: string): string => {
  const value = body[name];
  return typeof value === 'string' ? value : '';
};

/** A number in bounds, undefined where there is none. */
export function number(body: Json, name: string, least: number, most: number, whole: boolean): number | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || (whole && !Number.isInteger(value))) {
    throw badRequest(`'${name}' must be ${whole ? 'an integer' : 'a number'}.`, name, 'invalid_type');
  }
  if (value < least || value > most) {
    throw badRequest(`'${name}' must be from ${least} to ${most}, not ${value}.`, name, 'invalid_value');
  }
  return value;
}

/** A count of tokens, at least one. */
export const limitIn = (body: Json, name: string): number | undefined =>
  number(body, name, 1, Number.MAX_SAFE_INTEGER, true);

/** A seed. */
export const seedIn = (body: Json): number | undefined =>
  number(body, 'seed', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, true);

/** Stop sequences under that name: a text, or a list of them. */
export function stopIn(body: Json, name: string, most = Number.POSITIVE_INFINITY): readonly string[] {
  const value = body[name];
  if (value === undefined || value === null) return [];
  const list = Array.isArray(value) ? (value as unknown[]) : [value];
  if (list.every((one) => typeof one === 'string') && list.length <= most) return list;
  throw badRequest(
    `'${name}' must be a string or a list of ${most === 4 ? 'up to four' : 'them'}.`,
    name,
    'invalid_value',
  );
}

/** The objects of a list that must be there and not be empty. */
export function messagesIn(body: Json, name: string): readonly Json[] {
  const value = body[name];
  if (value === undefined)
    throw badRequest(`Missing required parameter: '${name}'.`, name, 'missing_required_parameter');
  if (!Array.isArray(value)) throw badRequest(`'${name}' must be an array.`, name, 'invalid_type');
  if (value.length === 0) throw badRequest(`'${name}' must not be empty.`, name, 'empty_array');
  const strange = value.findIndex((one) => !isObject(one));
  if (strange < 0) return value as Json[];
  throw badRequest(`'${name}[${strange}]' must be an object.`, `${name}[${strange}]`, 'invalid_type');
}

/** Throws a SimulatedError of 400 for what is not an object. */
export function parseBody(text: string): Json {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw badRequest('The body is not JSON.', null, 'invalid_json');
  }
  if (!isObject(body)) throw badRequest('The body must be a JSON object.', null, 'invalid_json');
  return body;
}

/** The body's `model`. Throws a SimulatedError of 400 where there is none. */
export function modelIn(body: Json): string {
  const model = textIn(body, 'model');
  if (model === '') throw badRequest("Missing required parameter: 'model'.", 'model', 'missing_required_parameter');
  return model;
}

/** A request for a model, with the knobs of its name and of the body. */
export function requestFor(model: string, body: Json, query: () => Query): ParsedRequest {
  const { name, knobs } = splitModel(model);
  return { name, knobs: readKnobs(knobs, body), query };
}
