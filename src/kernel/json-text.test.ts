import fc from 'fast-check';
import { expect, test } from 'vitest';
import { elements, members, RawJson, splice, toJson, valueAt } from './json-text.ts';

test('members keep the source text: integer-like keys in order, digits beyond 2^53, inner spaces', () => {
  const json = ' { "10" : {"2":1, "1":2} ,"a":9007199254740993, "\\"": "x}" , "e":[ ] }';
  expect([...members(json)]).toEqual([
    ['10', '{"2":1, "1":2}'],
    ['a', '9007199254740993'],
    ['"', '"x}"'],
    ['e', '[ ]'],
  ]);
});

test('elements keep the source text', () => {
  expect(elements('[ 1 , [2,{"a":"]"}] , "\\\\" , null]')).toEqual(['1', '[2,{"a":"]"}]', '"\\\\"', 'null']);
  expect(elements('[]')).toEqual([]);
});

test('a value of another kind has neither', () => {
  for (const json of ['{"a":[1]}', '"[1]"', '1', 'null', '']) expect(elements(json)).toEqual([]);
  for (const json of ['[{"a":1}]', '"{}"', '1', 'null', '']) expect(members(json).size).toBe(0);
});

test('splice replaces, adds and removes, and leaves the rest as it was', () => {
  expect(splice('{"model":"a","n": 1.0,"x":{"2":0,"1":0}}', { model: '"b"', n: undefined, stream: 'true' })).toBe(
    '{"model":"b","x":{"2":0,"1":0},"stream":true}',
  );
});

test('toJson copies raw text and leaves undefined members out', () => {
  expect(toJson({ a: [1, new RawJson('{"2":0,"1":12345678901234567890}')], b: undefined, c: null })).toBe(
    '{"a":[1,{"2":0,"1":12345678901234567890}],"c":null}',
  );
});

test('any JSON value: members, elements, valueAt and toJson agree with JSON.parse', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const spaced = JSON.stringify(value, null, 1);
      expect(JSON.parse(toJson(value as never))).toEqual(JSON.parse(JSON.stringify(value)));
      const parsed: unknown = JSON.parse(spaced);
      if (Array.isArray(parsed)) expect(elements(spaced).map((text) => JSON.parse(text) as unknown)).toEqual(parsed);
      else if (parsed !== null && typeof parsed === 'object') {
        for (const [key, text] of members(spaced)) {
          expect(JSON.parse(text)).toEqual((parsed as Record<string, unknown>)[key]);
          expect(valueAt(spaced, [key])).toBe(text);
        }
        expect(members(spaced).size).toBe(Object.keys(parsed).length);
      }
    }),
  );
});

test('whatever the keys and values are, each member is its own source text', () => {
  const text = fc.string({ unit: fc.constantFrom('\\', '"', 'a', '{', ']', ',', ':', '\n', 'é') });
  fc.assert(
    fc.property(
      fc.dictionary(text, fc.oneof(text, fc.jsonValue())),
      fc.constantFrom(undefined, 1),
      (object, indent) => {
        const found = members(JSON.stringify(object, null, indent));
        expect([...found.keys()]).toEqual(Object.keys(JSON.parse(JSON.stringify(object))));
        for (const [key, value] of found) expect(JSON.parse(value)).toEqual(JSON.parse(JSON.stringify(object[key])));
      },
    ),
    { numRuns: 300 },
  );
});
