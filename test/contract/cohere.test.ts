import { expect, test } from 'vitest';
import { FinishReason } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { cohere } from '../../src/providers/cohere/index.ts';
import { adapterOf, chunksOf, collected, encoded, fixture, messageOf, user } from './dialect.ts';

const adapter = adapterOf(cohere);
const fixtures = ['plan-tools', 'thinking-citations'];

test.each(fixtures)('%s: a stream, cut anywhere, collects to the whole answer', (name) => {
  const whole = adapter.decode(fixture(`cohere/${name}.body`));
  for (const size of [1, 7, 4096]) expect(collected(adapter, fixture(`cohere/${name}.sse`), size)).toEqual(whole);
});

test.each(fixtures)('%s: sent back as history it is the provider’s own message', (name) => {
  const source = fixture(`cohere/${name}.body`);
  const message = messageOf(adapter.decode(source));
  const { body, notes } = encoded(adapter, 'command-a-03-2025', { messages: [user('go on'), message] });
  expect(notes).toEqual([]);
  const sent = JSON.parse(String(body)) as { messages: unknown[] };
  expect(sent.messages[1]).toEqual((JSON.parse(String(source)) as { message: unknown }).message);
  // Big numbers are beyond what JSON.parse can tell apart.
  if (name === 'thinking-citations') expect(String(body)).toContain('"temperature":9007199254740993');
});

test('the plan, calls and counts have their places', () => {
  const response = adapter.decode(fixture('cohere/plan-tools.body'));
  const message = messageOf(response);
  expect(message.content).toBe('');
  expect(message.parts.map(({ part }) => part.case)).toEqual(['native', 'toolCall', 'toolCall']);
  expect(message.toolCalls).toMatchObject([
    { id: 'weather_1', name: 'weather', arguments: '{"10":{"b":1,"a":2},"2":9007199254740993,"city":"Prague"}' },
    { id: 'time_2', name: 'time', arguments: '{}' },
  ]);
  expect(response.choices[0]).toMatchObject({
    finishReason: FinishReason.TOOL_CALLS,
    nativeFinishReason: 'TOOL_CALL',
  });
  expect(response.usage).toMatchObject({
    promptTokens: 442,
    completionTokens: 77,
    totalTokens: 519,
    promptTokensDetails: { cachedTokens: 400 },
    completionTokensDetails: { reasoningTokens: 20 },
    extra: { cohere: '{"billed_units":{"input_tokens":60,"output_tokens":28}}' },
  });
});

test('citations stand with the text', () => {
  const message = messageOf(adapter.decode(fixture('cohere/thinking-citations.body')));
  expect(message.reasoningContent).toBe('The forecast says so.');
  expect(message.parts.map(({ part }) => part.case)).toEqual(['reasoning', 'text']);
  expect(message.parts[1]?.part).toMatchObject({
    case: 'text',
    value: {
      text: 'It is: sunny today.',
      citations: [
        { url: 'https://weather.example/a', title: 'Forecast', citedText: 'sunny', startIndex: 7, endIndex: 12 },
        { url: '', citedText: 'today', startIndex: 13, endIndex: 18 },
      ],
    },
  });
});

test('a stream that ends early is never a whole answer', () => {
  const body = fixture('cohere/plan-tools.sse');
  const last = body.lastIndexOf('event: message-end');
  for (let at = 0; at <= last; at += 97) {
    expect(() => chunksOf(adapter, body.subarray(0, at), 4096)).toThrow(
      expect.objectContaining({ reason: 'PROVIDER_STREAM_CUT' }),
    );
  }
});

test.each(['ERROR', 'TIMEOUT'])('a message that ends for %s has failed', (reason) => {
  const delta = { finish_reason: reason, error: 'generation failed' };
  const failed = expect.objectContaining({
    reason: 'PROVIDER_UNAVAILABLE',
    detail: expect.objectContaining({ blame: 'provider', providerCode: reason }) as unknown,
  }) as unknown;
  const body = Buffer.from(`data: ${JSON.stringify({ type: 'message-end', delta })}\n\n`);
  expect(() => chunksOf(adapter, body, 7)).toThrow(failed as Error);
  const whole = { id: 'a', message: { role: 'assistant' }, ...delta };
  expect(() => adapter.decode(Buffer.from(JSON.stringify(whole)))).toThrow(failed as Error);
});

test.each([
  ['COMPLETE', FinishReason.STOP],
  ['STOP_SEQUENCE', FinishReason.STOP],
  ['MAX_TOKENS', FinishReason.LENGTH],
  ['ERROR_TOXIC', FinishReason.CONTENT_FILTER],
])('%s', (finish_reason, unified) => {
  const body = { id: 'a', message: { role: 'assistant', content: [{ type: 'text', text: 'hi' }] }, finish_reason };
  expect(adapter.decode(Buffer.from(JSON.stringify(body))).choices[0]?.finishReason).toBe(unified);
});

test('log probabilities', () => {
  const logprobs = [{ text: 'hi', token_ids: [1, 2], logprobs: [-0.5, -0.25] }];
  const message = { role: 'assistant', content: [{ type: 'text', text: 'hi' }] };
  const whole = adapter.decode(Buffer.from(JSON.stringify({ id: 'a', message, logprobs, finish_reason: 'COMPLETE' })));
  expect(whole.choices[0]?.logprobs?.content).toMatchObject([{ token: 'hi', logprob: -0.75 }]);
});
