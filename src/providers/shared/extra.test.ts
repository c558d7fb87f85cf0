import { expect, test } from 'vitest';
import { ParameterAction } from '../../../gen/es/llmbridge/v1/report_pb.ts';
import { mergeExtra } from './extra.ts';
import { Notes } from './notes.ts';

function merged(body: string, extra: Record<string, string>): { body: string; refused: string[] } {
  const notes = new Notes();
  const result = mergeExtra(body, extra, 'mine', notes);
  expect(notes.all.every(({ action }) => action === ParameterAction.REFUSED)).toBe(true);
  return { body: result, refused: notes.all.map(({ name }) => name) };
}

test('what any provider is told comes first, what this one is told wins, others are not told', () => {
  expect(merged('{"a":1}', { mine: '{"c":4}', '*': '{"b":2,"c":3}', other: '{"d":5}' }).body).toBe(
    '{"a":1,"b":2,"c":4}',
  );
});

test('objects are merged member by member, in their own spelling', () => {
  const body = '{"config":{"10":1,"2":12345678901234567890},"list":[1]}';
  expect(merged(body, { mine: '{"config":{"x":98765432109876543210},"list":[2]}' }).body).toBe(
    '{"config":{"10":1,"2":12345678901234567890,"x":98765432109876543210},"list":[2]}',
  );
});

test.each(['model', 'models', 'provider', 'stream', 'api_key', 'base_url', 'route', 'messages', 'max_tokens', 'n'])(
  '%s is refused',
  (name) => {
    const body = `{"${name}":"ours"}`;
    expect(merged(body, { '*': `{"${name}":"theirs","ok":1}` })).toEqual({
      body: `{"${name}":"ours","ok":1}`,
      refused: [`extra.*.${name}`],
    });
  },
);

test('a limit is refused at any depth, a name that is harmless there is not', () => {
  const { body, refused } = merged('{"generationConfig":{}}', {
    mine: '{"generationConfig":{"maxOutputTokens":9},"schema":{"model":"x","n":1}}',
  });
  expect(body).toBe('{"generationConfig":{},"schema":{"model":"x","n":1}}');
  expect(refused).toEqual(['extra.mine.generationConfig.maxOutputTokens']);
});
