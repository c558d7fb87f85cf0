import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { ChatCompletionRequestSchema, type ChatCompletionResponse } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { Message } from '../../gen/es/llmbridge/v1/content_pb.ts';
import { valueAt } from '../../src/kernel/json-text.ts';
import { decodeRequest } from '../../src/transports/http/openai/request.ts';
import { encodeResponse } from '../../src/transports/http/openai/response.ts';
import { caseAdapter } from './case-adapter.ts';
import { bodyOf, type Case, isStream, readCorpus } from './corpus.ts';
import { messageOf, user } from './dialect.ts';

// Recorded whole answers, sent back as history in their own dialect, are the provider's own messages. The items of
// OpenAI's Responses are compared where that dialect's contract is.

// biome-ignore lint/suspicious/noExplicitAny: each dialect has its own shape, and the comparison checks it.
type Json = any;

interface Reader {
  said(answer: Json): unknown;
  /** In a request whose first message is the user's. */
  sent(request: Json): unknown;
}

const readers: Readonly<Record<string, Reader>> = {
  'anthropic.messages': { said: ({ content }) => content, sent: ({ messages }) => messages[1].content },
  'gemini.generateContent': {
    said: ({ candidates }) => candidates?.[0].content?.parts,
    sent: ({ contents }) => contents[1].parts,
  },
  'bedrock.converse': { said: ({ output }) => output.message.content, sent: ({ messages }) => messages[1].content },
  'cohere.chat.v2': { said: ({ message }) => message, sent: ({ messages }) => messages[1] },
  'ollama.chat': { said: ({ message }) => message, sent: ({ messages }) => messages[1] },
  'openai.chat': {
    said: ({ choices }) => choices && plain(choices[0].message),
    sent: ({ messages }) => plain(messages[1]),
  },
};

/** A message of OpenAI's dialect: no text and empty text are the same, and a call's place and usual type go without saying. */
const plain = ({ content = '', tool_calls = [], ...rest }: Json): unknown => ({
  ...rest,
  content: content ?? '',
  tool_calls: (tool_calls ?? []).map(({ index: _, type = 'function', ...call }: Json) => ({ type, ...call })),
});

/** Null and empty lists say nothing. */
const spoken = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, each: unknown) =>
      each === null || (Array.isArray(each) && each.length === 0) ? undefined : each,
    ),
  );

/** An answer's message as a caller that speaks JSON sends it back. */
function throughJson(answer: ChatCompletionResponse): Message {
  const message = valueAt(encodeResponse(answer, false), ['choices', 0, 'message']) ?? '';
  const [back] = decodeRequest(Buffer.from(`{"model":"m","messages":[${message}]}`)).request.messages;
  if (back === undefined) throw new Error('no message');
  return back;
}

/** What does not come back, and why. */
const differences: Readonly<Record<string, string>> = {
  'mistral/thinking--chat--2b3d3906': 'the mark `closed` of a thought is true where it is left out',
  'openrouter/file_in--chat--3a3d7d98': 'annotations of parsed files are not sent; a note says so',
};

const folder = process.env['CORPUS_DIR'];

function recordedCases(): Case[] {
  if (folder === undefined) return [];
  return readCorpus(folder).filter(
    (recorded) =>
      recorded.oracle.ok === true &&
      !isStream(recorded) &&
      readers[recorded.api] !== undefined &&
      caseAdapter(recorded) !== undefined &&
      differences[recorded.name] === undefined,
  );
}

describe.skipIf(folder === undefined)('recorded answers, sent back, are the provider’s own messages', () => {
  test.each(recordedCases().map((recorded) => [recorded.name, recorded] as const))('%s', (_name, recorded) => {
    const adapter = caseAdapter(recorded);
    const reader = readers[recorded.api];
    if (adapter === undefined || reader === undefined) throw new Error('nothing to compare with');
    const source = bodyOf(recorded);
    const said = reader.said(JSON.parse(String(source)));
    // A prompt that was refused has no answer.
    if (said === undefined || (Array.isArray(said) && said.length === 0)) return;
    const answer = adapter.decode(source);
    for (const message of [messageOf(answer), throughJson(answer)]) {
      const request = create(ChatCompletionRequestSchema, { messages: [user('go on'), message, user('and now?')] });
      const model = answer.model || 'm';
      const { body, notes } = adapter.encode({ request, source: undefined, model, apiKey: 'k', stream: false });
      expect(spoken(reader.sent(JSON.parse(String(body))))).toEqual(spoken(said));
      expect(notes.filter(({ name }) => name.startsWith('messages'))).toEqual([]);
    }
  });
});
