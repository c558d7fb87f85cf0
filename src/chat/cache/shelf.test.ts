import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import {
  ChatCompletionRequestSchema,
  ChatCompletionResponseSchema,
} from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { KeptAnswer, ResponseStore } from '../../kernel/response-cache.ts';
import { noCacheEvents } from '../../kernel/response-cache.ts';
import type { Asked } from './asked.ts';
import { noDirectives } from './cache-control.ts';
import { Shelf } from './shelf.ts';

const store = new Map<string, KeptAnswer>();
const port: ResponseStore = {
  get: (key) => store.get(key),
  put: (key, bytes, ttlMs) => void store.set(key, { bytes, storedAt: 1_000, expiresAt: 1_000 + ttlMs }),
  drop: (key) => void store.delete(key),
  close: () => Promise.resolve(),
};
const shelf = new Shelf({ store: port, maxEntryBytes: 500, clock: { wall: () => 4_000 }, events: noCacheEvents });

const asked = (key: string, ttlMs = 10_000): Asked =>
  ({
    key,
    request: create(ChatCompletionRequestSchema),
    directives: noDirectives,
    policy: { ttlMs, maxTemperature: 0, when: 'always' },
  }) as Partial<Asked> as Asked;

const said = (content: string, promptTokens = 3) =>
  create(ChatCompletionResponseSchema, {
    choices: [{ finishReason: 1, message: { content } }],
    usage: { promptTokens },
    report: { requestId: 'whose', provider: 'p', attempts: [{ provider: 'p' }], costUsd: 1 },
  });

test('what is taken out is what was put there, and nothing of the call that it was made for', () => {
  expect(shelf.keep(said('yes'), asked('a'), false)).toBe(true);
  const found = shelf.read(port.get('a') as KeptAnswer, asked('a'));
  expect(found).toMatchObject({ ageMs: 3_000, response: { choices: [{ message: { content: 'yes' } }] } });
  expect(found?.response.report).toMatchObject({ requestId: '', provider: 'p', attempts: [] });
  expect(found?.response.report?.costUsd).toBeUndefined();
});

test('what is too large, has no form, or no time to live is not kept', () => {
  expect(shelf.keep(said('x'.repeat(500)), asked('b'), false)).toBe(false);
  expect(shelf.keep(said('x'), asked('b'), true)).toBe(false);
  expect(shelf.keep(said('x', 1.5), asked('b'), false)).toBe(false);
  expect(shelf.keep(said('x'), asked('b', 0), false)).toBe(false);
  expect(shelf.keep(undefined, asked('b'), false)).toBe(false);
  expect(store.has('b')).toBe(false);
});
