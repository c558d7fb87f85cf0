import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ChatCompletionRequestSchema } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { Provider } from '../../kernel/provider.ts';
import { ask, FakeClock, fakeProvider, openCall, target } from '../testing/harness.ts';
import { cacheKey } from './key.ts';

const one = fakeProvider('one');
const route = (name: string, ...providers: Provider[]) => ({
  name,
  policy: [],
  targets: providers.map((provider) => target(provider)),
});

function callOf(user = '', headers: Record<string, string> = {}) {
  const call = openCall(new FakeClock());
  call.principal = { user, method: 'api-key', credential: '' };
  Object.assign(call.headers, headers);
  return call;
}

test('a key is of user, destination and request, and of nothing else', () => {
  const fast = route('fast', one);
  const key = cacheKey(callOf('alice'), fast, ask('fast'));
  expect(key).toMatch(/^[\w-]{43}$/);
  // Of the same names, whichever process made them, however the caller named the model, whatever its headers.
  expect(cacheKey(callOf('alice'), route('fast', fakeProvider('one')), ask('fast'))).toBe(key);
  expect(cacheKey(callOf('alice', { 'x-request-id': '7', 'cache-control': 'max-age=1' }), fast, ask('fast'))).toBe(key);
  const others = [
    cacheKey(callOf('bob'), fast, ask('fast')),
    cacheKey(callOf(), fast, ask('fast')),
    cacheKey(callOf('alice'), route('other', one), ask('fast')),
    cacheKey(callOf('alice'), route('fast', fakeProvider('two')), ask('fast')),
    cacheKey(callOf('alice'), route('fast', one, fakeProvider('two')), ask('fast')),
    cacheKey(callOf('alice'), { ...route('fast', one), targets: [target(one, 'n')] }, ask('fast')),
    cacheKey(callOf('alice'), target(one), ask('fast')),
    cacheKey(callOf('alice'), fast, create(ChatCompletionRequestSchema, { ...ask('fast'), seed: 1n })),
  ];
  expect(new Set([key, ...others]).size).toBe(9);
});

test('a header that reaches the provider counts', () => {
  const forwarding = route('fast', fakeProvider('one', { forwards: { request: ['x-beta'], response: [] } }));
  const keys = [{}, { 'x-beta': 'a' }, { 'x-beta': 'b' }].map((headers) =>
    cacheKey(callOf('', headers), forwarding, ask('fast')),
  );
  expect(new Set(keys).size).toBe(3);
  expect(cacheKey(callOf('', { 'x-gamma': 'a' }), forwarding, ask('fast'))).toBe(keys[0]);
});
