import { create, toJsonString } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import type {
  ChatCompletionResponse,
  StreamChatCompletionResponse,
} from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { ContentPartSchema } from '../../gen/es/llmbridge/v1/content_pb.ts';
import { valueAt } from '../../src/kernel/json-text.ts';
import { ChunkWriter } from '../../src/transports/http/openai/chunk.ts';
import { decodeRequest } from '../../src/transports/http/openai/request.ts';
import { encodeResponse } from '../../src/transports/http/openai/response.ts';
import { accumulate } from '../support/accumulate.ts';
import { caseAdapter } from './case-adapter.ts';
import { bodyOf, isStream, readCorpus } from './corpus.ts';
import { chunksOf, collected } from './dialect.ts';
import { type JsonAnswer, meaningOfJson, parsed } from './json-meaning.ts';
import { meaningOf } from './oracle.ts';

const folder = process.env['CORPUS_DIR'];
const cases = folder === undefined ? [] : readCorpus(folder);

const written = (chunks: readonly StreamChatCompletionResponse[]): JsonAnswer[] => {
  const writer = new ChunkWriter({ includeUsage: true, legacyFunctions: false });
  return [...chunks.flatMap((chunk) => writer.push(chunk)), ...writer.end()].map(
    (text) => JSON.parse(text) as JsonAnswer,
  );
};

describe.skipIf(folder === undefined)("the HTTP surface carries what providers' SDKs send and read", () => {
  test.each(
    cases
      .filter(({ api, request }) => api === 'openai.chat' && request?.body)
      .map((each) => [each.name, each] as const),
  )('request of %s', (_name, { request }) => {
    const body = request?.body ?? {};
    const { request: decoded, stream } = decodeRequest(Buffer.from(JSON.stringify(body)));
    const { messages = [] } = body as { messages?: unknown[] };
    expect(decoded.messages.length).toBe(messages.length);
    expect(stream).toBe(body['stream'] === true);
  });

  const answers = cases.filter((each) => each.oracle.ok === true && caseAdapter(each) !== undefined);
  test.each(answers.map((each) => [each.name, each] as const))('answer of %s', (_name, recorded) => {
    const adapter = caseAdapter(recorded);
    if (adapter === undefined) throw new Error('no adapter');
    let answer: ChatCompletionResponse;
    let chunks: StreamChatCompletionResponse[];
    try {
      answer = isStream(recorded) ? collected(adapter, bodyOf(recorded), 4096) : adapter.decode(bodyOf(recorded));
      chunks = isStream(recorded) ? chunksOf(adapter, bodyOf(recorded), 4096) : [];
    } catch {
      // A fault of the adapter's making; its own suite looks after that.
      return;
    }
    const text = encodeResponse(answer, false);
    const whole = JSON.parse(text) as JsonAnswer;
    expect(meaningOfJson([whole])).toEqual(meaningOf(answer));
    expectSentBack(valueAt(text, ['choices', 0, 'message']) ?? '', answer);
    if (chunks.length === 0) return;
    const json = written(chunks);
    expect(meaningOfJson(json)).toEqual(meaningOf(answer));
    const message: Record<string, unknown> = {};
    for (const { choices } of json)
      for (const { index, delta } of choices) if (index === 0) accumulate(message, { ...delta });
    expectSentBack(JSON.stringify(message), answer);
  });
});

/** Sees that a message, sent back as a client kept it, is the answer's own again. */
function expectSentBack(json: string, answer: ChatCompletionResponse): void {
  const { request } = decodeRequest(Buffer.from(`{"model":"m","messages":[${json}]}`));
  const sent = answer.choices[0]?.message;
  const back = request.messages[0];
  expect(back?.content).toBe(sent?.content);
  expect(back?.toolCalls.map(({ id, name, arguments: text }) => [id, name, text])).toEqual(
    sent?.toolCalls.map(({ id, name, arguments: text }) => [id, name, text]),
  );
  if (sent !== undefined && sent.parts.length > 0) {
    const shape = (parts: typeof sent.parts) =>
      parts.map(({ part }) =>
        JSON.parse(toJsonString(ContentPartSchema, create(ContentPartSchema, { part })), blockOfText),
      );
    expect(shape(back?.parts ?? [])).toEqual(shape(sent.parts));
  }
}

/** White space in a provider's own blocks is not kept by clients that parse them. */
const blockOfText = (key: string, value: unknown): unknown =>
  (key === 'native' || key === 'json') && typeof value === 'string' ? parsed(value) : value;
