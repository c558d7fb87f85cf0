import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import {
  type DeltaSchema,
  FinishReason,
  type StreamChatCompletionResponse,
  StreamChatCompletionResponseSchema,
} from '../../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../../../../gen/es/llmbridge/v1/content_pb.ts';
import { ToolCallType } from '../../../../gen/es/llmbridge/v1/tool_pb.ts';
import { accumulate } from '../../../../test/support/accumulate.ts';
import { collect } from '../../../kernel/collect.ts';
import { type ChunkOptions, ChunkWriter } from './chunk.ts';
import { decodeRequest } from './request.ts';

const plain: ChunkOptions = { includeUsage: false, legacyFunctions: false };
const chunk = (init: MessageInitShape<typeof StreamChatCompletionResponseSchema>): StreamChatCompletionResponse =>
  create(StreamChatCompletionResponseSchema, init);
const delta = (value: MessageInitShape<typeof DeltaSchema>) => chunk({ choices: [{ delta: value }] });
const finish = (finishReason: FinishReason, index = 0) => chunk({ choices: [{ index, finishReason }] });

interface Written {
  choices: { index: number; delta: Record<string, unknown>; finish_reason: string | null }[];
  usage?: unknown;
  llmbridge?: unknown;
}
const parse = (texts: readonly string[]) => texts.map((text) => JSON.parse(text) as Written);

function write(chunks: readonly StreamChatCompletionResponse[], options = plain): Written[] {
  const writer = new ChunkWriter(options);
  return parse([...chunks.flatMap((each) => writer.push(each)), ...writer.end()]);
}
const deltas = (chunks: readonly StreamChatCompletionResponse[], options = plain) =>
  write(chunks, options).map(({ choices }) => choices[0]?.delta);

describe("OpenAI's shape", () => {
  test('every chunk says whose it is, though the source says so once', () => {
    const head = { id: 'c', model: 'm', created: 7, serviceTier: 'default', systemFingerprint: 'fp' };
    const expected = {
      id: 'c',
      object: 'chat.completion.chunk',
      created: 7,
      model: 'm',
      service_tier: 'default',
      system_fingerprint: 'fp',
    };
    const written = write([
      chunk({ ...head, choices: [{ delta: { role: Role.ASSISTANT } }] }),
      delta({ content: 'a' }),
      finish(FinishReason.STOP),
    ]);
    expect(written).toEqual([
      {
        ...expected,
        choices: [{ index: 0, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }],
      },
      { ...expected, choices: [{ index: 0, delta: { content: 'a' }, logprobs: null, finish_reason: null }] },
      { ...expected, choices: [{ index: 0, delta: {}, logprobs: null, finish_reason: 'stop' }] },
    ]);
  });

  test('usage is hidden unless asked for, then a last chunk without choices', () => {
    const chunks = [
      delta({ content: 'a' }),
      finish(FinishReason.LENGTH),
      chunk({ usage: { promptTokens: 1, completionTokens: 2, totalTokens: 3 } }),
    ];
    expect(write(chunks).every((each) => !('usage' in each) && each.choices.length === 1)).toBe(true);
    const asked = write(chunks, { ...plain, includeUsage: true });
    expect(asked.map(({ usage }) => usage)).toEqual([
      null,
      null,
      { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
    ]);
    expect(asked.at(-1)?.choices).toEqual([]);
  });

  test('the report rides on the last chunk, which has a choice unless usage was asked for', () => {
    const chunks = [delta({ content: 'a' }), finish(FinishReason.STOP), chunk({ report: { requestId: 'r' } })];
    const written = write(chunks);
    expect(written.map(({ llmbridge }) => llmbridge)).toEqual([undefined, { request_id: 'r' }]);
    expect(written.at(-1)?.choices[0]?.finish_reason).toBe('stop');
    const asked = write(chunks, { ...plain, includeUsage: true });
    expect(asked.map(({ llmbridge }) => llmbridge)).toEqual([undefined, undefined, { request_id: 'r' }]);
  });

  test('a finished choice holds back no other', () => {
    const writer = new ChunkWriter(plain);
    expect(writer.push(finish(FinishReason.STOP, 0))).toEqual([]);
    expect(
      parse(writer.push(chunk({ choices: [{ index: 1, delta: { content: 'b' } }] }))).map(
        ({ choices }) => choices[0]?.index,
      ),
    ).toEqual([0, 1]);
    writer.push(finish(FinishReason.STOP, 1));
    expect(parse(writer.flush())[0]?.choices[0]?.index).toBe(1);
    expect(writer.flush()).toEqual([]);
  });

  test('what a provider says beside choices comes through', () => {
    const [first] = write([chunk({ extra: { azure: '{"prompt_filter_results":[{"2":1,"1":2}]}' } })]);
    expect(first).toMatchObject({ choices: [], prompt_filter_results: [{ '1': 2, '2': 1 }] });
  });
});

describe('tool calls', () => {
  const begin = { index: 0, id: 'c1', type: ToolCallType.FUNCTION, name: 'f' };

  test('begin with id, type and name, and go on with arguments', () => {
    expect(
      deltas([
        delta({ role: Role.ASSISTANT, toolCalls: [begin] }),
        delta({ toolCalls: [{ index: 0, arguments: '{"a' }] }),
        delta({ toolCalls: [{ index: 1, id: 'c2', type: ToolCallType.CUSTOM, name: 'g', arguments: 'x' }] }),
        delta({ toolCalls: [{ index: 1, arguments: 'y' }] }),
      ]),
    ).toEqual([
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ index: 0, id: 'c1', type: 'function', function: { name: 'f', arguments: '' } }],
      },
      { tool_calls: [{ index: 0, function: { arguments: '{"a' } }] },
      { tool_calls: [{ index: 1, id: 'c2', type: 'custom', custom: { name: 'g', input: 'x' } }] },
      { tool_calls: [{ index: 1, custom: { input: 'y' } }] },
    ]);
  });

  test('carry the signature of their mark, whichever comes first', () => {
    const mark = { index: 0, part: { part: { case: 'toolCall' as const, value: { id: 'c1', signature: 's' } } } };
    const entries = (chunks: StreamChatCompletionResponse[]) =>
      deltas(chunks).flatMap((each) => each?.['tool_calls'] ?? []);
    expect(entries([delta({ parts: [mark], toolCalls: [begin] })])).toMatchObject([{ id: 'c1', signature: 's' }]);
    expect(entries([delta({ parts: [mark] }), delta({ toolCalls: [begin] })])).toMatchObject([
      { id: 'c1', signature: 's' },
    ]);
    expect(entries([delta({ toolCalls: [begin] }), delta({ parts: [mark] })])).toEqual([
      expect.objectContaining({ id: 'c1' }),
      { index: 0, signature: 's' },
    ]);
  });

  test("in OpenAI's first form for callers of it", () => {
    const legacy = { ...plain, legacyFunctions: true };
    const chunks = [
      delta({ toolCalls: [begin] }),
      delta({ toolCalls: [{ index: 0, arguments: '{}' }] }),
      finish(FinishReason.TOOL_CALLS),
    ];
    expect(deltas(chunks, legacy)).toEqual([
      { function_call: { name: 'f', arguments: '' } },
      { function_call: { arguments: '{}' } },
      {},
    ]);
    expect(write(chunks, legacy).at(-1)?.choices[0]?.finish_reason).toBe('function_call');
  });
});

test('a signature repeats the reasoning that it signs, so that its entry stands by itself', () => {
  const sign = (index: number, value: object) =>
    delta({ parts: [{ index, part: { part: { case: 'reasoning', value } } }] });
  expect(
    deltas([
      delta({ reasoningContent: 'be' }),
      delta({ reasoningContent: 'cause' }),
      sign(0, { signature: 'S' }),
      sign(0, { signature: 'T' }),
      delta({ content: 'so' }),
      delta({ reasoningContent: 'again' }),
      sign(2, { signature: 'U' }),
      sign(3, { redacted: 'D' }),
    ]),
  ).toEqual([
    { reasoning_content: 'be' },
    { reasoning_content: 'cause' },
    { reasoning_details: [{ type: 'reasoning.text', text: 'because', signature: 'S', index: 0 }] },
    { reasoning_details: [{ type: 'reasoning.text', signature: 'T', index: 0 }] },
    { content: 'so' },
    { reasoning_content: 'again' },
    { reasoning_details: [{ type: 'reasoning.text', text: 'again', signature: 'U', index: 2 }] },
    { reasoning_details: [{ type: 'reasoning.encrypted', data: 'D', index: 3 }] },
  ]);
});

test('reasoning that goes on in a part with an entry goes on in its entries too', () => {
  const begin = { index: 0, part: { part: { case: 'reasoning' as const, value: { id: 'r', summary: true } } } };
  expect(
    deltas([
      delta({ parts: [begin], reasoningContent: 'be' }),
      delta({ reasoningContent: 'cause' }),
      delta({ parts: [{ index: 0, part: { part: { case: 'reasoning', value: { signature: 'S' } } } }] }),
    ]),
  ).toEqual([
    { reasoning_content: 'be', reasoning_details: [{ type: 'reasoning.summary', id: 'r', summary: 'be', index: 0 }] },
    { reasoning_content: 'cause', reasoning_details: [{ type: 'reasoning.summary', summary: 'cause', index: 0 }] },
    { reasoning_details: [{ type: 'reasoning.summary', signature: 'S', index: 0 }] },
  ]);
});

test('what names a part or a call is told once, as clients append all texts', () => {
  const thought = (value: object) =>
    ({ index: 0, part: { part: { case: 'reasoning', value }, signedBy: 'one' } }) as never;
  const call = (item: string) => ({ index: 0, extra: { one: `{"item":${item}}` } });
  const message: Record<string, unknown> = {};
  for (const piece of deltas([
    delta({ parts: [thought({ id: 'rs_1', summary: true })], reasoningContent: 'why' }),
    delta({ parts: [thought({ id: 'rs_1', redacted: 'D' })] }),
    delta({ toolCalls: [{ ...call('{"id":"fc_1"}'), id: 'call_1', name: 'f' }] }),
    delta({ toolCalls: [{ ...call('{"id":"fc_1","status":"completed"}'), arguments: '{}' }] }),
  ]))
    accumulate(message, { ...piece });
  expect(message).toMatchObject({
    reasoning_details: [{ id: 'rs_1', data: 'D', signed_by: 'one', summary: 'why' }],
    tool_calls: [{ id: 'call_1', extra: { one: { item: { id: 'fc_1', status: 'completed' } } } }],
  });
});

test('citations, pictures and native blocks have an index, which SDKs need to collect a list', () => {
  const of = (index: number, part: object) => ({ index, part: { part } }) as never;
  const image = {
    case: 'image',
    value: { source: { case: 'data', value: new Uint8Array([1]) }, mediaType: 'image/png' },
  };
  const cite = (url: string) => ({ case: 'text', value: { citations: [{ url }] } });
  expect(
    deltas([
      delta({ parts: [of(0, cite('https://a')), of(1, image)] }),
      delta({
        parts: [
          of(0, cite('https://b')),
          of(2, image),
          of(3, { case: 'native', value: { provider: 'p', json: '{"a":' } }),
        ],
      }),
      delta({ parts: [of(4, { case: 'native', value: { provider: 'p', json: '{"a":1}' } })] }),
    ]),
  ).toMatchObject([
    { annotations: [{ index: 0, url_citation: { url: 'https://a' } }], images: [{ index: 0 }] },
    {
      annotations: [{ index: 1 }],
      images: [{ index: 1 }],
      part_deltas: [{ index: 3, type: 'native', block_text: '{"a":' }],
    },
    { part_deltas: [{ index: 4, block: { a: 1 } }] },
  ]);
});

test('a stream that an SDK collected and sent back is the message that was collected here', () => {
  const chunks = [
    delta({ role: Role.ASSISTANT }),
    delta({ reasoningContent: 'think' }),
    delta({ reasoningContent: 'ing' }),
    delta({ parts: [{ index: 0, part: { part: { case: 'reasoning', value: { signature: 'S' } } } }] }),
    delta({ content: 'answer' }),
    delta({
      toolCalls: [{ index: 0, id: 'c1', type: ToolCallType.FUNCTION, name: 'f' }],
      parts: [{ index: 2, part: { part: { case: 'toolCall', value: { id: 'c1', signature: 'T' } } } }],
    }),
    delta({ toolCalls: [{ index: 0, arguments: '{"2":1,' }] }),
    delta({ toolCalls: [{ index: 0, arguments: '"1":2}' }] }),
    finish(FinishReason.TOOL_CALLS),
  ];
  const message: Record<string, unknown> = {};
  for (const each of deltas(chunks)) accumulate(message, each ?? {});
  const [again] = decodeRequest(Buffer.from(JSON.stringify({ messages: [message] }))).request.messages;
  const collected = collect(chunks).choices[0]?.message;
  expect(again?.parts).toEqual(collected?.parts);
  expect(again?.toolCalls).toEqual(collected?.toolCalls);
  expect(again).toMatchObject({ content: 'answer', reasoningContent: 'thinking' });
});

test('an order of parts that deltas do not tell is spelled out at the end, and survives the way back', () => {
  const native = { case: 'native' as const, value: { provider: 'p', json: '{"type":"server_tool"}' } };
  const chunks = [
    delta({ role: Role.ASSISTANT, content: 'a' }),
    delta({ parts: [{ index: 1, part: { part: native } }] }),
    delta({ content: 'b' }),
    finish(FinishReason.STOP),
  ];
  const message: Record<string, unknown> = {};
  for (const each of deltas(chunks)) accumulate(message, each ?? {});
  const [again] = decodeRequest(Buffer.from(JSON.stringify({ messages: [message] }))).request.messages;
  expect(again?.parts).toEqual(collect(chunks).choices[0]?.message?.parts);
  expect(again?.parts.map(({ part }) => part.case)).toEqual(['text', 'native', 'text']);
});
