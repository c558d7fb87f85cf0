import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { StreamChatCompletionResponseSchema } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { textChunkFrame } from './chunk-frame.ts';
import { frame } from './frame.ts';

type Init = MessageInitShape<typeof StreamChatCompletionResponseSchema>;
const chunkOf = (init: Init) => create(StreamChatCompletionResponseSchema, init);
const reference = (init: Init): Buffer => frame(toBinary(StreamChatCompletionResponseSchema, chunkOf(init)), undefined);

const text = fc.oneof(fc.constant(''), fc.string({ unit: 'grapheme', maxLength: 60 }), fc.string({ maxLength: 400 }));
const uint32 = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 2 ** 32 - 1 }));
const enumeration = fc.oneof(fc.nat(6), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }));
const delta = fc.record({ role: enumeration, content: text, reasoningContent: text, refusal: text });
const choice = fc.record({ index: uint32, delta, finishReason: enumeration, nativeFinishReason: text });
const chunk = fc.record({
  id: text,
  choices: fc.array(choice, { maxLength: 3 }),
  model: text,
  created: uint32,
  systemFingerprint: text,
  serviceTier: text,
});

it('is byte for byte what protobuf-es makes of it', () => {
  fc.assert(
    fc.property(chunk, (init) => {
      expect(textChunkFrame(chunkOf(init as Init))).toEqual(reference(init as Init));
    }),
    { numRuns: 500 },
  );
});

it.each<[string, Init]>([
  ['usage', { usage: { promptTokens: 1 } }],
  ['a report', { report: {} }],
  ['a sealed payload', { sealed: {} }],
  ['extra fields', { extra: { openai: '{}' } }],
  ['extra fields of a choice', { choices: [{ delta: {}, extra: { openai: '{}' } }] }],
  ['log probabilities', { choices: [{ delta: {}, logprobs: {} }] }],
  ['no delta', { choices: [{ index: 1 }] }],
  ['tool calls', { choices: [{ delta: { toolCalls: [{ index: 0 }] } }] }],
  ['parts', { choices: [{ delta: { parts: [{ index: 0 }] } }] }],
  ['much text', { choices: [{ delta: { content: 'x'.repeat(5_000) } }] }],
  ['a long name', { model: 'x'.repeat(5_000) }],
])('leaves %s to protobuf-es', (_name, init) => {
  expect(textChunkFrame(chunkOf(init))).toBeUndefined();
});

it('leaves nothing of a chunk that cannot be written', () => {
  const bad = { ...chunkOf({ id: 'bad', choices: [{ delta: { content: 'a' } }] }), created: 0.5 };
  expect(() => textChunkFrame(bad)).toThrow();
  expect(textChunkFrame(chunkOf({ id: 'good' }))).toEqual(reference({ id: 'good' }));
});
