import { expect, test } from 'vitest';
import { FinishReason } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { valueAt } from '../../src/kernel/json-text.ts';
import { ollama } from '../../src/providers/ollama/index.ts';
import { adapterOf, chunksOf, collected, encoded, fixture, messageOf, user } from './dialect.ts';

const adapter = adapterOf(ollama);
const whole = () => adapter.decode(fixture('ollama/thinking-tools.body'));
const lines = (...all: object[]) => Buffer.from(all.map((line) => `${JSON.stringify(line)}\n`).join(''));
const said = (content: string) => ({ model: 'm', message: { role: 'assistant', content }, done: false });

test('a stream, cut anywhere, collects to the whole answer', () => {
  const body = fixture('ollama/thinking-tools.ndjson');
  for (const size of [1, 7, 4096]) expect(collected(adapter, body, size)).toEqual(whole());
});

test('sent back as history it is the provider’s own message', () => {
  const source = fixture('ollama/thinking-tools.body');
  const { body, notes } = encoded(adapter, 'qwen3:8b', { messages: [user('go on'), messageOf(whole())] });
  const sent = JSON.parse(String(body)) as { messages: unknown[] };
  expect(notes).toEqual([]);
  expect(sent.messages[1]).toEqual((JSON.parse(String(source)) as { message: unknown }).message);
});

test('thinking, calls, counts and times have their places', () => {
  const response = whole();
  const message = messageOf(response);
  expect(response).toMatchObject({ model: 'qwen3:8b', created: 1767323045 });
  expect(message).toMatchObject({
    content: 'Looking both up.',
    reasoningContent: 'Two cities, so two calls.',
    parts: [],
    toolCalls: [{ id: 'call_1' }, { id: 'ollama_2026-01-02T030405678901Z_1', arguments: '{}' }],
  });
  expect(response.choices[0]).toMatchObject({ finishReason: FinishReason.TOOL_CALLS, nativeFinishReason: 'stop' });
  expect(response.usage).toMatchObject({ promptTokens: 442, completionTokens: 77, totalTokens: 519 });
  expect(response.extra['ollama']).toBe(
    '{"total_duration":8045910417,"load_duration":95570041,"prompt_eval_duration":187000000,"eval_duration":3000000000}',
  );
});

test('arguments keep the order of their keys and all digits, there and back', () => {
  const args = '{"10":{"b":1,"a":2},"2":9007199254740993,"city":"Prague"}';
  const message = messageOf(whole());
  expect(message.toolCalls[0]?.arguments).toBe(args);
  const { body } = encoded(adapter, 'm', { messages: [message] });
  expect(valueAt(String(body), ['messages', 0, 'tool_calls', 0, 'function', 'arguments'])).toBe(args);
});

test('a stream that ends early is never a whole answer', () => {
  const body = fixture('ollama/thinking-tools.ndjson');
  const last = body.lastIndexOf('\n', body.length - 2) + 1;
  for (let at = 0; at <= last; at += 61) {
    expect(() => chunksOf(adapter, body.subarray(0, at), 4096)).toThrow(
      expect.objectContaining({ reason: 'PROVIDER_STREAM_CUT' }),
    );
  }
});

test.each([
  [{ error: 'an error was encountered while running the model' }, 'PROVIDER_UNAVAILABLE', 'provider'],
  [{ error: 'unauthorized', status: 401 }, 'PROVIDER_CREDENTIAL', 'credential'],
  [{ error: 'prompt too long; exceeded max context length by 5 tokens' }, 'CONTEXT_LENGTH_EXCEEDED', 'context'],
])('an error amid a stream: %j', (line, reason, blame) => {
  expect(() => chunksOf(adapter, lines(said('a'), line), 7)).toThrow(
    expect.objectContaining({ reason, detail: expect.objectContaining({ blame }) as unknown }),
  );
});

test('the limit is told as such', () => {
  const body = lines(said('a'), { ...said(''), done: true, done_reason: 'length' });
  expect(collected(adapter, body, 7).choices[0]?.finishReason).toBe(FinishReason.LENGTH);
});

test('log probabilities', () => {
  const logprobs = [{ token: 'a', logprob: -1, bytes: [97], top_logprobs: [{ token: 'b', logprob: -2 }] }];
  const body = lines({ ...said('a'), logprobs }, { ...said(''), done: true, done_reason: 'stop' });
  expect(collected(adapter, body, 7).choices[0]?.logprobs?.content).toMatchObject([
    { token: 'a', logprob: -1, topLogprobs: [{ token: 'b', logprob: -2 }] },
  ]);
});

test('a whole answer that is not done makes no sense', () => {
  expect(() => adapter.decode(Buffer.from(JSON.stringify(said('a'))))).toThrow(
    expect.objectContaining({ reason: 'PROVIDER_MALFORMED' }),
  );
});
