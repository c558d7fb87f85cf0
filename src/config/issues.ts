import type { z } from 'zod';
import type { Path } from './problem.ts';
import { type Schema, schemaAt, shape, valueAt } from './schema-path.ts';
import { didYouMean } from './suggest.ts';

type Issue = z.core.$ZodIssue;

const NOUNS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
};

const kindOf = (value: unknown) =>
  Array.isArray(value) ? 'a list' : (NOUNS[typeof value] ?? (value === null ? 'nothing' : typeof value));

/** zod's messages in the words of a configuration file; never the value itself, which may be a secret. */
export function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'invalid_type') {
    const wanted = NOUNS[issue.expected] ?? issue.expected;
    return issue.input === undefined
      ? `is missing; it must be ${wanted}`
      : `must be ${wanted}, not ${kindOf(issue.input)}`;
  }
  if (issue.input === undefined) return 'is missing';
  if (issue.code === 'invalid_value') return `must be one of: ${issue.values.join(', ')}`;
  if (issue.code === 'too_small') {
    if (issue.origin === 'string') return 'must not be empty';
    return `must ${issue.origin === 'array' ? 'have' : 'be'} at least ${issue.minimum}`;
  }
  if (issue.code === 'too_big') return `must ${issue.origin === 'array' ? 'have' : 'be'} at most ${issue.maximum}`;
  return undefined;
}

/** An issue as what a reader can act on: one for each unknown key, with the nearest known one. */
export function* readable(issue: Issue, schema: Schema, value: unknown): Generator<Finding> {
  const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
  if (issue.code === 'invalid_key') {
    yield { path, message: issue.issues[0]?.message ?? issue.message, atKey: true };
  } else if (issue.code === 'unrecognized_keys') {
    const around = schemaAt(schema, path, value);
    const known = around === undefined ? {} : (shape(around, valueAt(value, path)) ?? {});
    for (const key of issue.keys)
      yield { path: [...path, key], message: `unknown key${didYouMean(key, Object.keys(known))}`, atKey: true };
  } else yield { path, message: issue.message, atKey: false };
}

/** Something wrong at a path; `atKey` where its key is, rather than the value under it. */
export interface Finding {
  readonly path: Path;
  readonly message: string;
  readonly atKey: boolean;
}
