import { expect, test } from 'vitest';
import { z } from 'zod';
import { instanceOf, type JsonSchema, spacedJson } from './json-schema.ts';
import { sampleOf } from './pattern.ts';
import { Random } from './random.ts';

const person = {
  type: 'object',
  properties: {
    name: { type: 'string', minLength: 2, maxLength: 5 },
    age: { type: 'integer', minimum: 18, maximum: 20 },
    mail: { type: 'string', format: 'email' },
    tags: { type: 'array', items: { type: 'string' }, minItems: 3, uniqueItems: true },
    role: { enum: ['admin', 'user'] },
    spouse: { anyOf: [{ $ref: '#/$defs/person' }, { type: 'null' }] },
    kind: { const: 'person' },
  },
  required: ['name', 'age', 'mail', 'tags', 'role', 'spouse', 'kind'],
  additionalProperties: false,
};

const schemas: [string, JsonSchema][] = [
  ['a string', { type: 'string' }],
  ['a long string', { type: 'string', minLength: 40 }],
  ['an integer above', { type: 'integer', exclusiveMinimum: 4, exclusiveMaximum: 6 }],
  ['an integer below zero', { type: 'integer', maximum: -3 }],
  ['a number between close bounds', { type: 'number', minimum: 0.1, maximum: 0.2 }],
  ['a probability', { type: 'number', minimum: 0, maximum: 1 }],
  ['a multiple', { type: 'integer', multipleOf: 7, minimum: 50, maximum: 60 }],
  ['a boolean', { type: 'boolean' }],
  ['nothing', { type: 'null' }],
  ['a list of types', { type: ['null', 'integer'] }],
  ['an enumeration', { enum: ['a', 2, null] }],
  ['a tuple', { type: 'array', prefixItems: [{ type: 'string' }, { type: 'integer' }], minItems: 2 }],
  ['an empty list', { type: 'array', items: { type: 'string' }, maxItems: 0 }],
  [
    'objects in lists in objects',
    {
      type: 'object',
      properties: { rows: { type: 'array', items: person } },
      required: ['rows'],
      $defs: { person: { type: 'object', properties: {}, required: [] } },
    },
  ],
  ['a reference to itself', { $ref: '#/$defs/person', $defs: { person: { ...person } } }],
  [
    'a linked list',
    {
      $ref: '#/$defs/node',
      $defs: {
        node: {
          type: 'object',
          properties: { next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] }, value: { type: 'number' } },
          required: ['next', 'value'],
        },
      },
    },
  ],
  [
    'allOf',
    {
      allOf: [
        { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
        { type: 'object', properties: { b: { type: 'integer' } }, required: ['b'] },
      ],
    },
  ],
  ['a pattern', { type: 'string', pattern: '^[A-Z]{3}-\\d{4}$' }],
  ['required but not described', { type: 'object', properties: {}, required: ['x'] }],
];

test.each(schemas)('fits: %s', (_name, schema) => {
  const validator = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
  for (let seed = 0; seed < 20; seed++) {
    const value = instanceOf(schema, new Random(seed));
    const { success, error } = validator.safeParse(value);
    expect(success, `${JSON.stringify(value)}: ${error?.message}`).toBe(true);
  }
});

test('the same seed writes the same, another one another', () => {
  const written = (seed: number) => JSON.stringify(instanceOf(person, new Random(seed)));
  expect(written(1)).toBe(written(1));
  expect(new Set(Array.from({ length: 10 }, (_, seed) => written(seed))).size).toBeGreaterThan(1);
});

test('a schema that no finite value fits comes to an end', () => {
  const endless = {
    $ref: '#/$defs/a',
    $defs: { a: { type: 'object', properties: { a: { $ref: '#/$defs/a' } }, required: ['a'] } },
  };
  expect(() => JSON.stringify(instanceOf(endless, new Random(1)))).not.toThrow();
  const circle = { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { allOf: [{ $ref: '#/$defs/a' }] } } };
  expect(() => instanceOf(circle, new Random(1))).not.toThrow();
});

test.each([
  '^[a-z]+$',
  '^\\d{4}-\\d{2}-\\d{2}$',
  '^(red|green|blue)$',
  '^#[0-9a-fA-F]{6}$',
  '^(?:\\+1)?[2-9]\\d{2}-\\d{4}$',
  '^[^\\s@]+@[^\\s@]+\\.[a-z]{2,3}$',
  '^a{2,}b?c*$',
  '^\\w+(\\.\\w+){1,3}$',
])('a text that fits %s', (pattern) => {
  for (let seed = 0; seed < 20; seed++) expect(sampleOf(pattern, new Random(seed))).toMatch(new RegExp(pattern, 'u'));
});

test('patterns that are broken or huge come to an end', () => {
  for (const pattern of ['(', '[', '\\', '(a{999999999}){99999999}', '((((a{256}){256}){256}){256})']) {
    expect(sampleOf(pattern, new Random(1)).length).toBeLessThan(200_000);
  }
});

test('JSON with spaces is the same JSON', () => {
  const value = { a: [1, 'x, "y": z', null], b: {}, c: [], d: { e: true } };
  expect(spacedJson(value)).toBe('{"a": [1, "x, \\"y\\": z", null], "b": {}, "c": [], "d": {"e": true}}');
});
