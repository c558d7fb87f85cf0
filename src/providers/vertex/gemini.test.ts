import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ChatCompletionRequestSchema } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { vertex } from './index.ts';

const adapter = vertex.adapter({
  name: 'gcp',
  basePath: '',
  headers: { 'x-team': 'a' },
  options: { project: 'my-project', location: 'global', publisher: 'google' },
});

const encode = (
  model: string,
  apiKey: string,
  stream: boolean,
  request: MessageInitShape<typeof ChatCompletionRequestSchema> = {},
) =>
  adapter.encode({
    request: create(ChatCompletionRequestSchema, { messages: [{ role: Role.USER, content: 'hi' }], ...request }),
    source: undefined,
    model,
    apiKey,
    stream,
  });

test('Gemini has its place under the project, and the token is a bearer’s', () => {
  const { path, body, headers } = encode('gemini-2.5-flash', 'token', true);
  expect(path).toBe(
    '/v1beta1/projects/my-project/locations/global/publishers/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse',
  );
  expect(headers).toMatchObject({ authorization: 'Bearer token', accept: 'text/event-stream', 'x-team': 'a' });
  expect(JSON.parse(String(body))).toEqual({ contents: [{ role: 'user', parts: [{ text: 'hi' }] }] });
});

test('without a token the request carries none, and no key', () => {
  const { headers } = encode('models/gemini-2.5-flash', '', false);
  expect(headers).not.toHaveProperty('authorization');
  expect(headers).not.toHaveProperty('x-goog-api-key');
});

test('labels, and parameters for Vertex and for Gemini', () => {
  const extra = { vertex: '{"safetySettings":[]}', gemini: '{"cachedContent":"c"}' };
  const { body, notes } = encode('gemini-2.5-flash', '', false, { metadata: { team: 'a' }, extra });
  expect(JSON.parse(String(body))).toMatchObject({ labels: { team: 'a' }, safetySettings: [], cachedContent: 'c' });
  expect(notes).toEqual([]);
});

test('Google’s errors come as a list in streams', () => {
  const error = {
    code: 429,
    message: 'Resource exhausted',
    status: 'RESOURCE_EXHAUSTED',
    details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '1.5s' }],
  };
  const body = Buffer.from(JSON.stringify([{ error }]));
  expect(adapter.fault({ status: 429, headers: {}, body, now: 0 })).toMatchObject({
    reason: 'PROVIDER_RATE_LIMITED',
    detail: { blame: 'limit', providerCode: 'RESOURCE_EXHAUSTED', retryAfterMs: 1500 },
  });
});
