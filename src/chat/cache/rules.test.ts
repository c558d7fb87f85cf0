import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import {
  ChatCompletionRequestSchema,
  ChatCompletionResponseSchema,
  FinishReason,
} from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { readCacheControl } from './cache-control.ts';
import { type CachePolicy, mayCache, mayKeep } from './rules.ts';

type RequestInit = MessageInitShape<typeof ChatCompletionRequestSchema>;
type ResponseInit = MessageInitShape<typeof ChatCompletionResponseSchema>;

const policy: CachePolicy = { ttlMs: 1, maxTemperature: 0.3, when: 'always' };

describe('what may be answered by an earlier answer', () => {
  test.each<[string, RequestInit, boolean]>([
    ['no temperature', {}, true],
    ['temperature 0', { temperature: 0 }, true],
    ['the highest temperature', { temperature: 0.3 }, true],
    ['a higher one', { temperature: 0.31 }, false],
    ['a higher one with a seed', { temperature: 1, seed: 7n }, true],
    ['one answer', { n: 1 }, true],
    ['several answers', { n: 2 }, false],
    ['an exchange to be stored', { store: true }, false],
    ['one not to be', { store: false }, true],
  ])('%s', (_, init, may) => {
    expect(mayCache(create(ChatCompletionRequestSchema, init), policy, readCacheControl(undefined))).toBe(may);
  });

  test.each<[CachePolicy['when'], string | undefined, boolean]>([
    ['always', undefined, true],
    ['always', 'no-store', false],
    ['always', 'no-cache', true],
    ['asked', undefined, false],
    ['asked', 'max-age=60', true],
    ['asked', 'max-age=0', false],
    ['asked', 'no-cache', false],
    ['asked', 'only-if-cached', true],
    ['asked', 'max-age=60, no-store', false],
  ])('%s, cache-control: %s', (when, header, may) => {
    const request = create(ChatCompletionRequestSchema, {});
    expect(mayCache(request, { ...policy, when }, readCacheControl(header))).toBe(may);
  });
});

describe('what is kept', () => {
  const said = { role: Role.ASSISTANT, content: 'yes' };
  const answer = (finishReason: FinishReason, message: object = said): object => ({
    choices: [{ finishReason, message }],
  });
  const { STOP, LENGTH, TOOL_CALLS, CONTENT_FILTER, UNSPECIFIED } = FinishReason;
  test.each<[string, object, boolean, RequestInit?]>([
    ['a whole answer', answer(STOP), true],
    ['a tool call', answer(TOOL_CALLS, { toolCalls: [{ id: 'c', name: 'f' }] }), true],
    ["one that ends at the caller's limit", answer(LENGTH), true, { maxTokens: 5 }],
    ["one that ends at the model's own", answer(LENGTH), false],
    ['one that was filtered', answer(CONTENT_FILTER), false],
    ['one without an end', answer(UNSPECIFIED), false],
    ['none', {}, false],
    ['an empty one', answer(STOP, {}), false],
    ['thoughts alone', answer(STOP, { reasoningContent: 'hm' }), false],
    ['a refusal', answer(STOP, { content: 'x', refusal: 'no' }), false],
    ['a picture', answer(STOP, { parts: [{ part: { case: 'image', value: {} } }] }), true],
    ['sound that expires', answer(STOP, { parts: [{ part: { case: 'audio', value: { expiresAt: 9 } } }] }), false],
    ['a part of it', { ...answer(STOP), usage: { partial: true } }, false],
    ['one of two attempts', { ...answer(STOP), report: { recovered: 'continue' } }, false],
  ])('%s', (_, init, may, request = {}) => {
    const response = create(ChatCompletionResponseSchema, init as ResponseInit);
    expect(mayKeep(create(ChatCompletionRequestSchema, request), response)).toBe(may);
  });
});
