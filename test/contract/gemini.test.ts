import { expect, test } from 'vitest';
import { FinishReason } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { elements, valueAt } from '../../src/kernel/json-text.ts';
import { gemini } from '../../src/providers/gemini/index.ts';
import { adapterOf, chunksOf, collected, encoded, fixture, messageOf, user } from './dialect.ts';

const adapter = adapterOf(gemini);
const fixtures = ['thinking-tools', 'server-tools'];

const answer = (body: object) => adapter.decode(Buffer.from(JSON.stringify(body)));
const streamOf = (...events: object[]) =>
  Buffer.from(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''));

test.each(fixtures)('%s: a stream, cut anywhere, collects to the whole answer', (name) => {
  const whole = adapter.decode(fixture(`gemini/${name}.body`));
  for (const size of [1, 7, 4096]) expect(collected(adapter, fixture(`gemini/${name}.sse`), size)).toEqual(whole);
});

test.each(fixtures)('%s: sent back as history it is the provider’s own content', (name) => {
  const source = fixture(`gemini/${name}.body`);
  const message = messageOf(adapter.decode(source));
  const { body, notes } = encoded(adapter, 'gemini-2.5-pro', { messages: [user('go on'), message] });
  const sent = JSON.parse(String(body)) as { contents: unknown[] };
  const original = JSON.parse(String(source)) as { candidates: { content: unknown }[] };
  expect(notes).toEqual([]);
  expect(sent.contents[1]).toEqual(original.candidates[0]?.content);
});

test('thoughts, calls and counts have their typed places', () => {
  const response = adapter.decode(fixture('gemini/thinking-tools.body'));
  const message = messageOf(response);
  expect(message.content).toBe('Looking both up.');
  expect(message.reasoningContent).toBe('Two cities, so two calls.');
  expect(message.parts.map(({ part }) => part.case)).toEqual(['reasoning', 'text', 'toolCall', 'toolCall']);
  expect(message.toolCalls.map(({ id }) => id)).toEqual(['fc1', 'gemini_aW5zdGFuY2UtMDE_1']);
  expect(response.choices[0]?.finishReason).toBe(FinishReason.TOOL_CALLS);
  expect(response.choices[0]?.nativeFinishReason).toBe('STOP');
  expect(response.usage).toMatchObject({
    promptTokens: 472,
    completionTokens: 77,
    totalTokens: 549,
    promptTokensDetails: { cachedTokens: 400, textTokens: 180, imageTokens: 258, audioTokens: 4 },
    completionTokensDetails: { reasoningTokens: 20 },
  });
  expect(response.serviceTier).toBe('priority');
  expect(response.created).toBe(1767225600);
  expect(response.usage?.extra).toEqual({ gemini: '{"toolUsePromptTokenCount":30}' });
  expect(response.extra).toEqual({ gemini: '{"createTime":"2026-01-01T00:00:00Z"}' });
  expect(response.choices[0]?.extra).toEqual({ gemini: '{"finishMessage":"Model generated function call(s)."}' });
});

test('arguments keep the order of their keys and all digits, there and back', () => {
  const args = '{"10":{"b":1,"a":2},"2":9007199254740993,"city":"Prague"}';
  const message = messageOf(adapter.decode(fixture('gemini/thinking-tools.body')));
  expect(message.toolCalls.map(({ arguments: text }) => text)).toEqual([args, '{}']);
  const { body } = encoded(adapter, 'gemini-3-pro-preview', { messages: [message] });
  const parts = elements(valueAt(String(body), ['contents', 0, 'parts']) ?? '[]');
  expect(valueAt(parts[2] ?? '', ['functionCall', 'args'])).toBe(args);
});

test('what the text rests on is cited in characters, and told whole beside', () => {
  const response = adapter.decode(fixture('gemini/server-tools.body'));
  const message = messageOf(response);
  const citations = message.parts.flatMap(({ part }) => (part.case === 'text' ? part.value.citations : []));
  expect(citations).toMatchObject([
    { url: 'https://weather.example/a', title: 'weather.example', citedText: 'sunny ☀', startIndex: 7, endIndex: 14 },
    { url: 'https://news.example/b', startIndex: 7, endIndex: 14 },
  ]);
  expect(message.content.slice(7, 14)).toBe('sunny ☀');
  expect(response.choices[0]?.extra['gemini']).toContain('"webSearchQueries":["weather"]');
  expect(message.parts.map(({ part }) => part.case)).toEqual(['native', 'native', 'text', 'text', 'image', 'text']);
});

test('signatures come back from a stream where they stood, text is not glued to them', () => {
  const body = streamOf(
    { candidates: [{ content: { parts: [{ text: 'The sum', thoughtSignature: 'c2ln' }] } }] },
    { candidates: [{ content: { parts: [{ text: ' is 5.' }] } }] },
    { candidates: [{ content: { parts: [{ text: '', thoughtSignature: 'ZW5k' }] }, finishReason: 'STOP' }] },
  );
  const message = messageOf(collected(adapter, body, 7));
  expect(message.content).toBe('The sum is 5.');
  const { body: sent } = encoded(adapter, 'gemini-3-pro-preview', { messages: [message] });
  expect(JSON.parse(String(sent))).toMatchObject({
    contents: [
      {
        parts: [
          { text: 'The sum', thoughtSignature: 'c2ln' },
          { text: ' is 5.' },
          { text: '', thoughtSignature: 'ZW5k' },
        ],
      },
    ],
  });
});

test('a stream that ends early is never a whole answer', () => {
  const body = fixture('gemini/thinking-tools.sse');
  const last = body.lastIndexOf('data: ');
  for (let at = 0; at <= last; at += 97) {
    expect(() => chunksOf(adapter, body.subarray(0, at), 4096)).toThrow(
      expect.objectContaining({ reason: 'PROVIDER_STREAM_CUT' }),
    );
  }
});

test('several candidates are several choices, each whole', () => {
  const one = (index: number, text: string, finishReason?: string) => ({
    content: { parts: [{ text }] },
    index,
    finishReason,
  });
  const body = streamOf(
    { candidates: [one(0, 'a'), one(1, 'b')] },
    { candidates: [one(1, 'B', 'MAX_TOKENS')] },
    { candidates: [one(0, 'A', 'STOP')] },
  );
  const { choices } = collected(adapter, body, 4096);
  expect(choices.map(({ message, finishReason }) => [message?.content, finishReason])).toEqual([
    ['aA', FinishReason.STOP],
    ['bB', FinishReason.LENGTH],
  ]);
  const early = streamOf({ candidates: [one(0, 'a', 'STOP'), one(1, 'b')] });
  expect(() => collected(adapter, early, 4096)).toThrow(expect.objectContaining({ reason: 'PROVIDER_STREAM_CUT' }));
});

test('counts stand with each frame of a stream', () => {
  const chunks = chunksOf(adapter, fixture('gemini/thinking-tools.sse'), 4096);
  expect(chunks[0]?.usage?.promptTokens).toBe(442);
  expect(chunks.at(-1)?.usage?.totalTokens).toBe(549);
});

test.each([
  ['SAFETY', FinishReason.CONTENT_FILTER],
  ['PROHIBITED_CONTENT', FinishReason.CONTENT_FILTER],
  ['IMAGE_SAFETY', FinishReason.CONTENT_FILTER],
  ['RECITATION', FinishReason.CONTENT_FILTER],
  ['MAX_TOKENS', FinishReason.LENGTH],
  ['STOP', FinishReason.STOP],
  ['MALFORMED_FUNCTION_CALL', FinishReason.STOP],
])('a candidate without content ended for %s', (finishReason, unified) => {
  const { choices } = answer({ candidates: [{ finishReason, safetyRatings: [{ category: 'X' }] }] });
  expect(choices).toMatchObject([
    {
      message: { content: '' },
      finishReason: unified,
      nativeFinishReason: finishReason,
      extra: { gemini: '{"safetyRatings":[{"category":"X"}]}' },
    },
  ]);
});

test('a refused prompt is an empty answer that says why', () => {
  const refused = {
    promptFeedback: { blockReason: 'PROHIBITED_CONTENT', blockReasonMessage: 'Not this.' },
    usageMetadata: { promptTokenCount: 3 },
    responseId: 'r',
  };
  for (const response of [answer(refused), collected(adapter, streamOf(refused), 7)]) {
    expect(response).toMatchObject({
      id: 'r',
      choices: [
        {
          message: { content: '', refusal: 'Not this.' },
          finishReason: FinishReason.CONTENT_FILTER,
          nativeFinishReason: 'PROHIBITED_CONTENT',
        },
      ],
      usage: { promptTokens: 3 },
    });
  }
});

test('counts of kinds without a typed place stay as they came', () => {
  const details = [
    { modality: 'TEXT', tokenCount: 9 },
    { modality: 'VIDEO', tokenCount: 258 },
  ];
  const { usage } = answer({
    candidates: [{ finishReason: 'STOP' }],
    usageMetadata: { promptTokenCount: 267, promptTokensDetails: details },
  });
  expect(usage?.promptTokensDetails).toMatchObject({ textTokens: 9 });
  expect(usage?.extra).toEqual({ gemini: JSON.stringify({ promptTokensDetails: details }) });
});

test('log probabilities', () => {
  const token = (text: string, logProbability: number) => ({ token: text, tokenId: 1, logProbability });
  const { choices } = answer({
    candidates: [
      {
        content: { parts: [{ text: 'hi' }] },
        finishReason: 'STOP',
        avgLogprobs: -0.5,
        logprobsResult: {
          chosenCandidates: [token('hi', -0.5)],
          topCandidates: [{ candidates: [token('hi', -0.5), token('ho', -1)] }],
        },
      },
    ],
  });
  expect(choices[0]?.logprobs?.content).toMatchObject([
    {
      token: 'hi',
      logprob: -0.5,
      topLogprobs: [
        { token: 'hi', logprob: -0.5 },
        { token: 'ho', logprob: -1 },
      ],
    },
  ]);
  expect(choices[0]?.extra).toEqual({ gemini: '{"avgLogprobs":-0.5}' });
});

test('an error amid a stream is the fault that it would have been as an answer', () => {
  const body = streamOf(
    { candidates: [{ content: { parts: [{ text: 'a' }] } }] },
    { error: { code: 503, message: 'The model is overloaded.', status: 'UNAVAILABLE' } },
  );
  expect(() => chunksOf(adapter, body, 7)).toThrow(
    expect.objectContaining({
      reason: 'PROVIDER_UNAVAILABLE',
      detail: expect.objectContaining({ blame: 'provider', status: 503 }) as unknown,
    }),
  );
});

test('an answer without a candidate makes no sense', () => {
  expect(() => answer({ usageMetadata: {} })).toThrow(expect.objectContaining({ reason: 'PROVIDER_MALFORMED' }));
});
