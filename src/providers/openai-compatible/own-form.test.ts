import { expect, test } from 'vitest';
import type { ChatChunk } from '../../kernel/messages.ts';
import { ChunkReader, decodeAnswer } from './answers.ts';

type Json = Readonly<Record<string, unknown>>;

const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
const event = (choice: Json, more: Json = {}): string =>
  JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [choice], ...more });
const delta = (said: Json, more: Json = {}) => event({ index: 0, delta: said, ...more });
const first = delta({ role: 'assistant', content: '' });
const call = (more: Json) => delta({ tool_calls: [more] });
const begun = call({ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '' } });

/** Which of some events keep their text. */
function kept(events: readonly string[], reads?: 'openai'): boolean[] {
  const reader = new ChunkReader('openai', {}, reads);
  const chunks: ChatChunk[] = [];
  for (const data of events) reader.push({ event: '', data }, (chunk) => chunks.push(chunk));
  chunks.forEach(({ source }, i) => {
    if (source !== undefined) expect(source).toBe(events[i]);
  });
  return chunks.map(({ source }) => source !== undefined);
}

test.each([
  ['words', delta({ content: 'a' }, { finish_reason: null, logprobs: null })],
  ['nothing', delta({}, { finish_reason: 'stop' })],
  ['a further piece of a call', call({ index: 0, function: { arguments: '{}' } })],
  ['usage by itself', event({}, { choices: [], usage })],
  ['members that are not known', delta({ content: 'a', x: 1 }, { x: { llmbridge: 1 } })],
])('an event of OpenAI’s form keeps its text: %s', (_name, json) => {
  expect(kept([first, begun, json], 'openai')).toEqual([true, true, true]);
  expect(kept([first, begun, json])).toEqual([false, false, false]);
});

test.each([
  ['another kind of object', delta({ content: 'a' }).replace('.chunk', '')],
  ['no index', event({ delta: { content: 'a' } })],
  ['no delta', event({ index: 0, text: 'a' })],
  ['a message beside the delta', event({ index: 0, delta: {}, message: { content: 'a' } })],
  ['another finish reason', delta({}, { finish_reason: 'function_call' })],
  ['log probabilities of another form', delta({ content: 'a' }, { logprobs: { tokens: ['a'] } })],
  ['content in blocks', delta({ content: [{ type: 'text', text: 'a' }] })],
  ['reasoning by another name', delta({ reasoning: 'a' })],
  ['reasoning twice', delta({ reasoning_content: 'a', reasoning: 'a' })],
  ['reasoning that is no text', delta({ reasoning_content: 1 })],
  ['a refusal that is no text', delta({ refusal: { text: 'a' } })],
  ['a call’s id once more', call({ index: 0, id: 'a', function: { arguments: '{}' } })],
  ['a call’s name once more', call({ index: 0, function: { name: 'f', arguments: '{}' } })],
  ['arguments that are no text', call({ index: 0, function: { arguments: { a: 1 } } })],
  ['a call without an index', call({ function: { arguments: '{}' } })],
  ['a call that is new by its id alone', call({ index: 0, id: 'b', type: 'function', function: { name: 'g' } })],
  ['a call without a type', call({ index: 1, id: 'b', function: { name: 'g', arguments: '' } })],
  ['a call of its own kind', call({ index: 1, id: 'b', type: 'custom', custom: { name: 'g', input: '' } })],
  ['what only this provider knows of a call', call({ index: 0, function: { arguments: '' }, extra_content: {} })],
  ['a choice that begins without a role', event({ index: 1, delta: { content: 'a' } })],
  ['usage beside a choice', delta({ content: 'a' }, {}).replace('}]', `}],"usage":${JSON.stringify(usage)}`)],
  ['usage elsewhere', event({}, { choices: [], x_groq: { usage } })],
  ['usage whose sum is another', event({}, { choices: [], usage: { ...usage, total_tokens: 9 } })],
  [
    'reasoning that is counted apart',
    event(
      {},
      { choices: [], usage: { ...usage, total_tokens: 9, completion_tokens_details: { reasoning_tokens: 4 } } },
    ),
  ],
  ['cached tokens by another name', event({}, { choices: [], usage: { ...usage, prompt_cache_hit_tokens: 1 } })],
  ['the gateway’s own member', delta({ content: 'a' }).replace('{"id"', '{"llm\\u0062ridge":1,"id"')],
  ['half a character', delta({ content: 'x' }).replace('"x"', '"\\ud83d"')],
  ['several lines', delta({ content: 'a' }).replace('"choices"', '\n"choices"')],
])('one that a reader of that form would take otherwise does not: %s', (_name, json) => {
  expect(kept([first, begun, json], 'openai')).toEqual([true, true, false]);
});

const whole = (message: Json, more: Json = {}) =>
  JSON.stringify({
    id: 'c',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: 'stop' }],
    usage,
    ...more,
  });

test.each([
  ['words', true, whole({ content: 'a', refusal: null, annotations: [] })],
  ['a call', true, whole({ tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }] })],
  ['no usage', false, whole({ content: 'a' }, { usage: null })],
  ['no role', false, whole({ content: 'a', role: undefined })],
  ['another kind of object', false, whole({ content: 'a' }, { object: 'text_completion' })],
  ['reasoning by another name', false, whole({ content: 'a', reasoning: 'b' })],
  ['a call without an id', false, whole({ tool_calls: [{ function: { name: 'f', arguments: '{}' } }] })],
  ['a call in the first form', false, whole({ function_call: { name: 'f', arguments: '{}' } })],
  ['the gateway’s own member', false, whole({ content: 'a' }, { llmbridge: {} })],
])('a whole answer: %s', (_name, keeps, json) => {
  expect(decodeAnswer(Buffer.from(json), 'openai', {}, 'openai').source).toBe(keeps ? json : undefined);
  expect(decodeAnswer(Buffer.from(json), 'openai', {}).source).toBeUndefined();
});
