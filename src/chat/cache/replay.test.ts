import { create, equals, fromBinary, type MessageInitShape, toBinary, toJson } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type ChatCompletionResponse,
  ChatCompletionResponseSchema,
} from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { ToolCallType } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import { collect } from '../../kernel/collect.ts';
import { chunksOf } from './replay.ts';

type ResponseInit = MessageInitShape<typeof ChatCompletionResponseSchema>;

const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const extra = fc.constantFrom<Record<string, string>>({}, { openai: '{"a":1}' });
const signed = fc.constantFrom<Record<string, string>>({}, { signedBy: 'anthropic' });

const parts = fc.oneof(
  fc
    .record({
      text,
      citations: fc.constantFrom([], [{ url: 'https://e.example', endIndex: 3 }]),
      signature: fc.constantFrom(new Uint8Array(0), new Uint8Array([1, 2])),
    })
    .map((value) => ({ case: 'text' as const, value })),
  fc
    .record({
      text,
      signature: fc.constantFrom('', 'sig'),
      redacted: fc.constantFrom('', 'xx'),
      id: fc.constantFrom('', 'rs_1'),
      summary: fc.boolean(),
    })
    .map((value) => ({ case: 'reasoning' as const, value })),
  fc.constant({
    case: 'image' as const,
    value: { source: { case: 'data' as const, value: new Uint8Array([9]) }, mediaType: 'image/png' },
  }),
  fc.constant({ case: 'native' as const, value: { provider: 'anthropic', json: '{"type":"x"}' } }),
);

const calls = fc.array(
  fc.record({ name: fc.constantFrom('f', 'g'), arguments: text, signature: fc.constantFrom('', 's') }),
  { maxLength: 3 },
);

/** Answers as unary calls give them: texts beside the parts, a mark for each call where there are parts. */
const answers = fc
  .record({
    parts: fc.array(fc.tuple(parts, extra, signed), { maxLength: 4 }),
    calls,
    content: text,
    reasoning: text,
    extra,
    refusal: fc.constantFrom('', 'no'),
  })
  .map(({ parts: given, calls: called, content, reasoning, extra: more, refusal }): object => {
    const all = given.map(([part, own, by]) => ({ part, extra: own, ...by }));
    const toolCalls = called.map(({ name, arguments: args }, i) => ({
      id: `c${i}`,
      type: ToolCallType.FUNCTION,
      name,
      arguments: args,
      extra: more,
    }));
    const marks = called.map(({ signature }, i) => ({
      part: { case: 'toolCall' as const, value: { id: `c${i}`, signature } },
    }));
    const inParts = all.length > 0;
    const textOf = (kind: string) =>
      all.map(({ part }) => (part.case === kind ? (part.value as { text: string }).text : '')).join('');
    const message = {
      role: Role.ASSISTANT,
      refusal,
      toolCalls,
      content: inParts ? textOf('text') : content,
      reasoningContent: inParts ? textOf('reasoning') : reasoning,
      parts: inParts ? [...all, ...marks] : [],
    };
    return {
      id: 'x',
      model: 'm',
      created: 7,
      systemFingerprint: 'fp',
      serviceTier: 'default',
      extra: more,
      usage: { promptTokens: 3, completionTokens: 4, totalTokens: 7 },
      report: { provider: 'p', cacheHit: true },
      choices: [
        {
          index: 0,
          finishReason: 1,
          nativeFinishReason: 'end_turn',
          message,
          extra: more,
          logprobs: { content: [{ token: 'a', logprob: -1 }] },
        },
      ],
    };
  });

const wire = (response: ChatCompletionResponse) =>
  fromBinary(ChatCompletionResponseSchema, toBinary(ChatCompletionResponseSchema, response));

describe('an answer replayed', () => {
  test('collected is the answer, whatever is in it and however it is cut', () => {
    fc.assert(
      fc.property(answers, fc.integer({ min: 1, max: 9 }), (init, size) => {
        const response = wire(create(ChatCompletionResponseSchema, init as ResponseInit));
        const again = wire(collect(chunksOf(response, size)));
        if (!equals(ChatCompletionResponseSchema, again, response))
          expect(toJson(ChatCompletionResponseSchema, again)).toEqual(toJson(ChatCompletionResponseSchema, response));
      }),
      { numRuns: 500 },
    );
  });

  test('cuts no character in two, and tells usage, report and end in the last chunk alone', () => {
    const response = create(ChatCompletionResponseSchema, {
      usage: { promptTokens: 1 },
      report: {},
      choices: [{ finishReason: 1, message: { content: '😀😀😀x', reasoningContent: 'so' } }],
    });
    const chunks = [...chunksOf(response, 1)];
    const texts = chunks.map(({ choices: [choice] }) => choice?.delta?.content ?? '').filter((piece) => piece !== '');
    expect(texts).toEqual(['😀', '😀', '😀', 'x']);
    expect(chunks.map(({ usage, report, choices: [choice] }) => [usage, report, choice?.finishReason])).toEqual([
      ...chunks.slice(1).map(() => [undefined, undefined, 0]),
      [response.usage, response.report, 1],
    ]);
  });
});
