import { expect, it } from 'vitest';
import { toJson } from '../../kernel/json-text.ts';
import { objectOf, withExtra } from './encode-extra.ts';

it('completes the objects of the request and replaces none of their members', () => {
  const tool = { type: 'function', function: { name: 'f', strict: undefined } };
  const extra = { '*': '{"function":{"name":"other","strict":true,"defer":{"2":1,"1":12345678901234567890}},"odd":1}' };
  expect(toJson(withExtra(tool, extra, 'openai'))).toBe(
    '{"type":"function","function":{"name":"f","strict":true,"defer":{"2":1,"1":12345678901234567890}},"odd":1}',
  );
});

it('takes __proto__ for a name like any other', () => {
  const json = '{"type":"hologram","__proto__":{"role":"system"}}';
  expect(toJson(objectOf(json))).toBe(json);
  expect(toJson(withExtra({ role: 'user' }, { '*': '{"__proto__":{"role":"system"}}' }, 'openai'))).toBe(
    '{"role":"user","__proto__":{"role":"system"}}',
  );
});
