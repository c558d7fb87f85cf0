import { create, toJson } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ChatCompletionResponseSchema,
  FinishReason,
  LogprobsSchema,
} from '../../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import {
  type ContentPart,
  ContentPartSchema,
  type Message,
  MessageSchema,
  Role,
} from '../../../../gen/es/llmbridge/v1/content_pb.ts';
import { AttemptOutcome, GatewayReportSchema, ParameterAction } from '../../../../gen/es/llmbridge/v1/report_pb.ts';
import { SealedPayloadSchema } from '../../../../gen/es/llmbridge/v1/sealed_pb.ts';
import { ToolCallType } from '../../../../gen/es/llmbridge/v1/tool_pb.ts';
import { messageJson } from './message-json.ts';
import { decodeRequest } from './request.ts';
import { encodeResponse } from './response.ts';

const parsed = (text: string) => JSON.parse(text) as Record<string, never>;

test("a whole answer has OpenAI's shape, numbers as numbers", () => {
  const response = create(ChatCompletionResponseSchema, {
    id: 'chatcmpl-1',
    model: 'gpt-4o',
    created: 1_700_000_000,
    systemFingerprint: 'fp_1',
    serviceTier: 'default',
    choices: [
      {
        index: 0,
        message: { role: Role.ASSISTANT, content: 'line\n"two"' },
        finishReason: FinishReason.STOP,
        nativeFinishReason: 'end_turn',
        extra: { azure: '{"content_filter_results":{"hate":{"filtered":false}},"index":9}' },
      },
    ],
    usage: {
      promptTokens: 10,
      completionTokens: 5,
      totalTokens: 15,
      promptTokensDetails: { cachedTokens: 0 },
      completionTokensDetails: { reasoningTokens: 3 },
      partial: true,
      extra: { groq: '{"total_time":0.25,"prompt_tokens":99}' },
    },
    extra: { azure: '{"prompt_filter_results":[],"id":"not mine"}' },
    report: create(GatewayReportSchema, {
      requestId: 'r',
      provider: 'openai',
      model: 'gpt-4o',
      attempts: [
        { provider: 'a', outcome: AttemptOutcome.TIMED_OUT, status: 0, reason: 'PROVIDER_TIMEOUT', durationMs: 7 },
      ],
      parameters: [{ name: 'top_k', action: ParameterAction.DROPPED, detail: 'unknown there' }],
      costUsd: 0,
      firstTokenMs: 12,
    }),
  });
  expect(parsed(encodeResponse(response, false))).toEqual({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'gpt-4o',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: 'line\n"two"', refusal: null },
        logprobs: null,
        finish_reason: 'stop',
        native_finish_reason: 'end_turn',
        content_filter_results: { hate: { filtered: false } },
      },
    ],
    usage: {
      prompt_tokens: 10,
      completion_tokens: 5,
      total_tokens: 15,
      prompt_tokens_details: { cached_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 3 },
      partial: true,
      total_time: 0.25,
    },
    service_tier: 'default',
    system_fingerprint: 'fp_1',
    prompt_filter_results: [],
    llmbridge: {
      request_id: 'r',
      provider: 'openai',
      model: 'gpt-4o',
      attempts: [{ provider: 'a', outcome: 'timed_out', reason: 'PROVIDER_TIMEOUT', duration_ms: 7 }],
      parameters: [{ name: 'top_k', action: 'dropped', detail: 'unknown there' }],
      cost_usd: 0,
      first_token_ms: 12,
    },
  });
});

test('log probabilities', () => {
  const logprobs = create(LogprobsSchema, {
    content: [
      {
        token: 'a',
        logprob: -0.5,
        bytes: new Uint8Array([97]),
        topLogprobs: [{ token: 'b', logprob: Number.NEGATIVE_INFINITY }],
      },
    ],
  });
  const response = create(ChatCompletionResponseSchema, { choices: [{ message: {}, logprobs }] });
  expect(parsed(encodeResponse(response, false))['choices']).toMatchObject([
    {
      logprobs: {
        content: [
          { token: 'a', logprob: -0.5, bytes: [97], top_logprobs: [{ token: 'b', logprob: -9999, bytes: null }] },
        ],
        refusal: null,
      },
      finish_reason: null,
    },
  ]);
});

test('a sealed answer is nothing else', () => {
  const sealed = create(SealedPayloadSchema, {
    version: 1,
    keyId: 'k',
    ciphertext: new Uint8Array([0xff, 0xef]),
    last: true,
  });
  const response = create(ChatCompletionResponseSchema, { id: 'x', sealed });
  expect(parsed(encodeResponse(response, false))).toEqual({
    sealed: { version: 1, key_id: 'k', ciphertext: '_-8', last: true },
  });
});

describe('messages', () => {
  const text = (init: Parameters<typeof create<typeof MessageSchema>>[1]) =>
    parsed(messageJson(create(MessageSchema, { role: Role.ASSISTANT, ...init }), false));

  test('content is null beside tool calls and refusals, else text', () => {
    expect(text({})).toEqual({ role: 'assistant', content: '', refusal: null });
    expect(text({ refusal: 'no' })).toEqual({ role: 'assistant', content: null, refusal: 'no' });
    expect(
      text({
        toolCalls: [
          { id: 'a', name: 'f', arguments: '{"2":1,"1":9007199254740993}' },
          { id: 'b', type: ToolCallType.CUSTOM, name: 'c', arguments: 'x' },
        ],
      }),
    ).toEqual({
      role: 'assistant',
      content: null,
      refusal: null,
      tool_calls: [
        { id: 'a', type: 'function', function: { name: 'f', arguments: '{"2":1,"1":9007199254740993}' } },
        { id: 'b', type: 'custom', custom: { name: 'c', input: 'x' } },
      ],
    });
  });

  test("a caller of OpenAI's first tools gets their form", () => {
    const message = create(MessageSchema, {
      role: Role.ASSISTANT,
      toolCalls: [{ id: 'a', name: 'f', arguments: '{}' }],
    });
    expect(parsed(messageJson(message, true))).toMatchObject({ function_call: { name: 'f', arguments: '{}' } });
    const response = create(ChatCompletionResponseSchema, {
      choices: [{ message, finishReason: FinishReason.TOOL_CALLS }],
    });
    expect(encodeResponse(response, true)).toContain('"finish_reason":"function_call"');
  });

  test('reasoning, citations, pictures and sound stand where clients look for them', () => {
    expect(
      text({
        content: 'cited',
        reasoningContent: 'why',
        parts: [
          { part: { case: 'reasoning', value: { text: 'why', signature: 's' } } },
          { part: { case: 'reasoning', value: { redacted: 'd' } } },
          {
            part: {
              case: 'text',
              value: { text: 'cited', citations: [{ url: 'https://x', title: 't', startIndex: 0, endIndex: 5 }] },
            },
          },
          {
            part: {
              case: 'image',
              value: { source: { case: 'data', value: new Uint8Array([1, 2, 3]) }, mediaType: 'image/png' },
            },
          },
          {
            part: {
              case: 'audio',
              value: { source: { case: 'data', value: new Uint8Array([1]) }, transcript: 'said', expiresAt: 9 },
            },
            extra: { openai: '{"id":"audio_1"}' },
          },
        ],
      }),
    ).toEqual({
      role: 'assistant',
      content: 'cited',
      refusal: null,
      reasoning_content: 'why',
      reasoning_details: [
        { type: 'reasoning.text', text: 'why', signature: 's', index: 0 },
        { type: 'reasoning.encrypted', data: 'd', index: 1 },
      ],
      annotations: [
        { type: 'url_citation', url_citation: { url: 'https://x', title: 't', start_index: 0, end_index: 5 } },
      ],
      images: [{ index: 0, type: 'image_url', image_url: { url: 'data:image/png;base64,AQID' } }],
      audio: { data: 'AQ==', transcript: 'said', expires_at: 9, id: 'audio_1' },
    });
  });

  test('an order that the members cannot tell is spelled out', () => {
    const message = text({
      content: 'ab',
      toolCalls: [{ id: 't', name: 'f', arguments: '{}' }],
      parts: [
        { part: { case: 'text', value: { text: 'a' } } },
        { part: { case: 'toolCall', value: { id: 't', signature: 'sig' } } },
        { part: { case: 'native', value: { provider: 'p', json: '{"2":0,"1":0}' } } },
        { part: { case: 'text', value: { text: 'b', signature: new Uint8Array([9]) } } },
      ],
    });
    expect(message).toMatchObject({
      parts: [
        { type: 'text', text: 'a' },
        { type: 'tool_call', id: 't', signature: 'sig' },
        { type: 'native', provider: 'p', block: { '1': 0, '2': 0 } },
        { type: 'text', text: 'b', signature: 'CQ==' },
      ],
      tool_calls: [{ id: 't', signature: 'sig' }],
    });
  });
});

/** What a provider could make of a part, in an answer. */
const word = fc.string({ minLength: 1, maxLength: 6 });
const bytes = fc.uint8Array({ minLength: 1, maxLength: 5 });
const part = fc.oneof(
  fc
    .record({
      text: word,
      signature: fc.option(bytes, { nil: undefined }),
      url: fc.option(fc.webUrl(), { nil: undefined }),
    })
    .map(({ text, signature, url }) => ({
      case: 'text' as const,
      value: {
        text,
        ...(signature && { signature }),
        citations:
          url === undefined
            ? []
            : [{ url, title: 't', citedText: 'c', startIndex: 0, endIndex: 1, native: '{"b":1,"a":2}' }],
      },
    })),
  fc.record({ text: word, signature: word }).map((value) => ({ case: 'reasoning' as const, value })),
  fc.record({ redacted: word }).map((value) => ({ case: 'reasoning' as const, value })),
  fc
    .record({ text: word, redacted: word, id: word, summary: fc.constant(true) })
    .map((value) => ({ case: 'reasoning' as const, value })),
  bytes.map((value) => ({
    case: 'image' as const,
    value: { source: { case: 'data' as const, value }, mediaType: 'image/png' },
  })),
  fc
    .record({ id: fc.uuid(), signature: fc.oneof(fc.constant(''), word) })
    .map((value) => ({ case: 'toolCall' as const, value })),
  fc.jsonValue().map((json) => ({ case: 'native' as const, value: { provider: 'p', json: JSON.stringify({ json }) } })),
);

function messageOf(parts: readonly ContentPart[]): Message {
  const of = (pick: (part: ContentPart['part']) => string) => parts.map(({ part: one }) => pick(one)).join('');
  return create(MessageSchema, {
    role: Role.ASSISTANT,
    content: of((one) => (one.case === 'text' ? one.value.text : '')),
    reasoningContent: of((one) => (one.case === 'reasoning' ? one.value.text : '')),
    toolCalls: parts.flatMap(({ part: one }) =>
      one.case === 'toolCall'
        ? [{ id: one.value.id, type: ToolCallType.FUNCTION, name: 'f', arguments: '{"2":1,"1":2}' }]
        : [],
    ),
    parts: [...parts],
  });
}

test('what only one provider knows again comes back as that provider’s', () => {
  const message = create(MessageSchema, {
    role: Role.ASSISTANT,
    content: 'said',
    reasoningContent: 'thought',
    parts: [
      {
        part: { case: 'reasoning', value: { text: 'thought', signature: 'proof' } },
        signedBy: 'anthropic',
        extra: { anthropic: '{"big":9007199254740993}' },
      },
      { part: { case: 'text', value: { text: 'said' } }, extra: { '*': '{"any":1}', one: '{"item":{"id":"msg_1"}}' } },
      { part: { case: 'toolCall', value: { id: 'call_1', signature: 'c2ln' } }, signedBy: 'gemini' },
    ],
    toolCalls: [{ id: 'call_1', name: 'f', arguments: '{}', extra: { one: '{"item":{"id":"fc_1"}}' } }],
  });
  const json = messageJson(message, false);
  expect(JSON.parse(json)).toMatchObject({
    reasoning_details: [{ signed_by: 'anthropic', extra: { anthropic: {} } }],
    tool_calls: [{ signature: 'c2ln', signed_by: 'gemini', extra: { one: { item: { id: 'fc_1' } } } }],
  });
  const again = decodeRequest(Buffer.from(`{"model":"m","messages":[${json}]}`)).request.messages[0];
  message.toolCalls.forEach((call) => {
    call.type = again?.toolCalls[0]?.type ?? 0;
  });
  expect(again && toJson(MessageSchema, again)).toEqual(toJson(MessageSchema, message));
});

test('any answer, sent back as it came, is the same message again', () => {
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), (values) => {
      const message = messageOf(values.map((value) => create(ContentPartSchema, { part: value })));
      const body = `{"model":"m","messages":[${messageJson(message, false)}]}`;
      const again = decodeRequest(Buffer.from(body)).request.messages[0];
      const plain = again?.parts.length === 0;
      if (plain) {
        // Nothing beyond plain fields was there to be lost.
        for (const { part: one } of message.parts) {
          expect(['text', 'toolCall']).toContain(one.case);
          if (one.case === 'toolCall') expect(one.value.signature).toBe('');
        }
        message.parts = [];
      }
      expect(again && toJson(MessageSchema, again)).toEqual(toJson(MessageSchema, message));
    }),
    { numRuns: 500 },
  );
});
