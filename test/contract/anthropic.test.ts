import { expect, test } from 'vitest';
import { FinishReason } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { elements, valueAt } from '../../src/kernel/json-text.ts';
import { anthropic } from '../../src/providers/anthropic/index.ts';
import { adapterOf, chunksOf, collected, encoded, fixture, messageOf, user } from './dialect.ts';

const adapter = adapterOf(anthropic);

test.each(['thinking-tools', 'server-tools'])('%s: a stream, cut anywhere, collects to the whole answer', (name) => {
  const whole = adapter.decode(fixture(`anthropic/${name}.body`));
  for (const size of [1, 7, 4096]) expect(collected(adapter, fixture(`anthropic/${name}.sse`), size)).toEqual(whole);
});

test.each(['thinking-tools', 'server-tools'])('%s: sent back as history it is the provider’s own message', (name) => {
  const source = fixture(`anthropic/${name}.body`);
  const answer = messageOf(adapter.decode(source));
  const { body, notes } = encoded(adapter, 'claude-sonnet-4-5', { messages: [user('go on'), answer] });
  const sent = JSON.parse(String(body)) as { messages: { content: unknown }[] };
  const original = JSON.parse(String(source)) as { content: unknown };
  expect(notes).toEqual([]);
  expect(sent.messages[1]?.content).toEqual(original.content);
});

test('thinking, calls and counts have their typed places', () => {
  const response = adapter.decode(fixture('anthropic/thinking-tools.body'));
  const message = messageOf(response);
  expect(message.content).toBe('Looking both up.');
  expect(message.reasoningContent).toBe('Two cities, so two calls.');
  expect(message.parts.map(({ part }) => part.case)).toEqual([
    'reasoning',
    'reasoning',
    'text',
    'toolCall',
    'toolCall',
  ]);
  expect(response.choices[0]?.finishReason).toBe(FinishReason.TOOL_CALLS);
  expect(response.usage).toMatchObject({
    promptTokens: 442,
    completionTokens: 77,
    totalTokens: 519,
    promptTokensDetails: { cachedTokens: 400, cacheWriteTokens: 30 },
    completionTokensDetails: { reasoningTokens: 20 },
  });
  expect(response.serviceTier).toBe('priority');
  expect(response.extra).toEqual({
    anthropic: '{"container":{"id":"container_01","expires_at":"2026-01-01T00:00:00Z"}}',
  });
});

test('arguments keep the order of their keys and all digits, there and back', () => {
  const call = '{"10":{"b":1,"a":2},"2":9007199254740993,"city":"Prague"}';
  const answer = messageOf(adapter.decode(fixture('anthropic/thinking-tools.body')));
  expect(answer.toolCalls.map(({ arguments: text }) => text)).toEqual([call, '{}']);
  const { body } = encoded(adapter, 'claude-sonnet-4-5', { messages: [answer] });
  const blocks = elements(valueAt(String(body), ['messages', 0, 'content']) ?? '[]');
  expect(valueAt(blocks[3] ?? '', ['input'])).toBe(call);
});

test('a stream that ends early is never a whole answer', () => {
  const body = fixture('anthropic/thinking-tools.sse');
  const end = body.lastIndexOf('event: message_stop');
  for (let at = 0; at <= end; at += 97) {
    expect(() => chunksOf(adapter, body.subarray(0, at), 4096)).toThrow(
      expect.objectContaining({ reason: 'PROVIDER_STREAM_CUT' }),
    );
  }
});

test('an error event is the fault that it would have been as an answer', () => {
  const body = Buffer.concat([
    fixture('anthropic/thinking-tools.sse').subarray(0, 900),
    Buffer.from(
      '\n\nevent: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n',
    ),
  ]);
  const start = body.indexOf('\n\n') + 2;
  const cut = Buffer.concat([body.subarray(0, start), body.subarray(body.indexOf('event: error'))]);
  expect(() => chunksOf(adapter, cut, 7)).toThrow(
    expect.objectContaining({
      reason: 'PROVIDER_UNAVAILABLE',
      detail: expect.objectContaining({ blame: 'provider', status: 529 }) as unknown,
    }),
  );
});

test('the last chunk has the reason, the counts and all that is said beside them', () => {
  const last = chunksOf(adapter, fixture('anthropic/thinking-tools.sse'), 4096).at(-1);
  expect(last?.choices[0]?.nativeFinishReason).toBe('tool_use');
  expect(last?.usage?.totalTokens).toBe(519);
  expect(last?.extra['anthropic']).toContain('container_01');
});
