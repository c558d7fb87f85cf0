import { expect, test } from 'vitest';
import { FinishReason } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { elements, valueAt } from '../../src/kernel/json-text.ts';
import { bedrock } from '../../src/providers/bedrock/index.ts';
import { awsEvent, awsException, awsMessage } from '../support/event-stream.ts';
import { adapterOf, chunksOf, collected, encoded, fixture, messageOf, user } from './dialect.ts';

const adapter = adapterOf(bedrock);
const model = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0';

/** The fixture's lines, an event's name and payload each, as messages of an event stream. */
const events = (name: string): Buffer[] =>
  String(fixture(`bedrock/${name}.events`))
    .trim()
    .split('\n')
    .map((line) => awsEvent(line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)));

test.each(['thinking-tools', 'server-tools'])('%s: a stream, cut anywhere, collects to the whole answer', (name) => {
  const whole = adapter.decode(fixture(`bedrock/${name}.body`));
  for (const size of [1, 7, 4096]) expect(collected(adapter, Buffer.concat(events(name)), size)).toEqual(whole);
});

test.each(['thinking-tools', 'server-tools'])('%s: sent back as history it is the provider’s own message', (name) => {
  const source = fixture(`bedrock/${name}.body`);
  const answer = messageOf(adapter.decode(source));
  const { body, notes } = encoded(adapter, model, { messages: [user('go on'), answer] });
  const sent = JSON.parse(String(body)) as { messages: { content: unknown }[] };
  const original = JSON.parse(String(source)) as { output: { message: { content: unknown } } };
  expect(notes.filter(({ name: field }) => field.startsWith('messages'))).toEqual([]);
  expect(sent.messages[1]?.content).toEqual(original.output.message.content);
});

test('thinking, calls, counts and traces have their places', () => {
  const response = adapter.decode(fixture('bedrock/thinking-tools.body'));
  const message = messageOf(response);
  expect(message.reasoningContent).toBe('Two cities, so two calls.');
  expect(message.toolCalls.map(({ id, name }) => [id, name])).toEqual([
    ['tooluse_A', 'get_weather'],
    ['tooluse_B', 'get_time'],
  ]);
  expect(response.choices[0]?.finishReason).toBe(FinishReason.TOOL_CALLS);
  expect(response.usage).toMatchObject({
    promptTokens: 442,
    completionTokens: 77,
    totalTokens: 519,
    promptTokensDetails: { cachedTokens: 400, cacheWriteTokens: 30 },
  });
  expect(response.serviceTier).toBe('priority');
  expect(response.extra).toEqual({
    bedrock: '{"metrics":{"latencyMs":900},"trace":{"guardrail":{"actionReason":"No action."}}}',
  });
});

test('a tool of the provider’s own is no call of the caller’s', () => {
  const message = messageOf(adapter.decode(fixture('bedrock/server-tools.body')));
  expect(message.toolCalls).toEqual([]);
  expect(message.parts.map(({ part }) => part.case)).toEqual(['native', 'native', 'text', 'text', 'text']);
});

test('arguments keep the order of their keys and all digits, there and back', () => {
  const call = '{"10":{"b":1,"a":2},"2":9007199254740993,"city":"Prague"}';
  const answer = messageOf(adapter.decode(fixture('bedrock/thinking-tools.body')));
  expect(answer.toolCalls[0]?.arguments).toBe(call);
  const { body } = encoded(adapter, model, { messages: [answer] });
  const blocks = elements(valueAt(String(body), ['messages', 0, 'content']) ?? '[]');
  expect(valueAt(blocks[3] ?? '', ['toolUse', 'input'])).toBe(call);
});

test('a stream that ends before messageStop, or amid an event, is never a whole answer', () => {
  const messages = events('thinking-tools');
  const body = Buffer.concat(messages);
  const lastTwo = (messages.at(-1)?.length ?? 0) + (messages.at(-2)?.length ?? 0);
  for (let at = 0; at < body.length - lastTwo; at += 61) {
    expect(() => chunksOf(adapter, body.subarray(0, at), 4096)).toThrow(
      expect.objectContaining({ reason: 'PROVIDER_STREAM_CUT' }),
    );
  }
  expect(() => chunksOf(adapter, body.subarray(0, -5), 4096)).toThrow(
    expect.objectContaining({ reason: 'PROVIDER_STREAM_CUT' }),
  );
});

test.each([
  ['throttlingException', 'PROVIDER_RATE_LIMITED', 'limit'],
  ['modelStreamErrorException', 'PROVIDER_UNAVAILABLE', 'provider'],
  ['internalServerException', 'PROVIDER_UNAVAILABLE', 'provider'],
  ['serviceUnavailableException', 'PROVIDER_UNAVAILABLE', 'provider'],
  ['validationException', 'PROVIDER_REJECTED', 'caller'],
  ['somethingNewException', 'PROVIDER_UNAVAILABLE', 'provider'],
])('%s amid a stream is %s', (name, reason, blame) => {
  const body = Buffer.concat([...events('thinking-tools').slice(0, 3), awsException(name, '{"message":"no"}')]);
  expect(() => chunksOf(adapter, body, 7)).toThrow(
    expect.objectContaining({ reason, detail: expect.objectContaining({ blame }) as unknown }),
  );
});

test('an unmodeled error has its code and message in headers', () => {
  const headers = { ':message-type': 'error', ':error-code': 'InternalFailure', ':error-message': 'no' };
  expect(() => chunksOf(adapter, awsMessage(headers, ''), 7)).toThrow(
    expect.objectContaining({ detail: expect.objectContaining({ providerCode: 'InternalFailure' }) as unknown }),
  );
});

test('the last chunk has the reason, the counts and all that is said beside them', () => {
  const last = chunksOf(adapter, Buffer.concat(events('thinking-tools')), 4096).at(-1);
  expect(last?.choices[0]?.nativeFinishReason).toBe('tool_use');
  expect(last?.usage?.totalTokens).toBe(519);
  expect(last?.serviceTier).toBe('priority');
  expect(last?.extra['bedrock']).toContain('latencyMs');
});

test('an answer whose counts never come is whole nevertheless', () => {
  const answer = collected(adapter, Buffer.concat(events('thinking-tools').slice(0, -1)), 4096);
  expect(answer.choices[0]?.finishReason).toBe(FinishReason.TOOL_CALLS);
  expect(answer.usage).toBeUndefined();
});
