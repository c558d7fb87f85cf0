import { expect, test } from 'vitest';
import { toJson } from '../../kernel/json-text.ts';
import { Notes } from './notes.ts';
import { nativeCitations, withExtra } from './own-blocks.ts';

const citation = (native: string) => ({
  $typeName: 'llmbridge.v1.Citation' as const,
  url: '',
  title: '',
  citedText: '',
  native,
});

test('citations of other providers are not sent, and told', () => {
  const notes = new Notes();
  const all = [citation('{"sources":[9007199254740993]}'), citation('{"segment":{}}'), citation(''), citation('no')];
  const own = nativeCitations(all, (each) => 'sources' in each, 'messages[0].parts[0]', notes);
  expect(own.map(({ text }) => text)).toEqual(['{"sources":[9007199254740993]}']);
  expect(notes.all.map(({ name }) => name)).toEqual(['messages[0].parts[0].text.citations']);
});

test('a member called __proto__ takes the place of no other', () => {
  const block = withExtra(
    { type: 'text' },
    { '*': '{"__proto__":{"type":"other"}}' },
    'anthropic',
    'parts[0]',
    new Notes(),
  );
  expect(toJson(block)).toBe('{"type":"text","__proto__":{"type":"other"}}');
});
