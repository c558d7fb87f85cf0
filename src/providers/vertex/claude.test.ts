import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ChatCompletionRequestSchema } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { claudeOnVertex } from './claude.ts';

const adapter = claudeOnVertex({
  name: 'gcp',
  basePath: '',
  headers: {},
  options: { project: 'my-project', location: 'us-east5' },
});

const encode = (model: string, apiKey: string, stream: boolean, extra = {}) =>
  adapter.encode({
    request: create(ChatCompletionRequestSchema, { messages: [{ role: Role.USER, content: 'hi' }], extra }),
    source: undefined,
    model,
    apiKey,
    stream,
  });

test('the model stands in the path, the version in the body', () => {
  const { path, body, headers } = encode('claude-3-7-sonnet@20250219', 'token', true);
  expect(path).toBe(
    '/v1/projects/my-project/locations/us-east5/publishers/anthropic/models/claude-3-7-sonnet@20250219:streamRawPredict',
  );
  expect(JSON.parse(String(body))).toEqual({
    anthropic_version: 'vertex-2023-10-16',
    stream: true,
    max_tokens: 4096,
    messages: [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }],
  });
  expect(headers).toMatchObject({ authorization: 'Bearer token', accept: 'text/event-stream' });
});

test('a model’s name cannot leave its place in the path', () => {
  expect(encode('../x?y#z', '', false).path).toMatch(/\/models\/\.\.%2Fx%3Fy%23z:rawPredict$/);
});

test('without a token the request carries none', () => {
  expect(encode('claude-opus-4-6', '', false).headers).not.toHaveProperty('authorization');
});

test('parameters for Vertex and for Anthropic both reach the body, betas the header', () => {
  const extra = { vertex: '{"container":"c","anthropic_beta":"b1"}', anthropic: '{"speed":"fast"}' };
  const { body, headers } = encode('claude-opus-4-6', '', false, extra);
  expect(JSON.parse(String(body))).toMatchObject({ container: 'c', speed: 'fast' });
  expect(headers['anthropic-beta']).toBe('b1');
});

test('Google’s own errors are classified too', () => {
  const error = { code: 429, message: 'Quota exceeded', status: 'RESOURCE_EXHAUSTED' };
  const body = Buffer.from(JSON.stringify([{ error }]));
  expect(adapter.fault({ status: 429, headers: {}, body, now: 0 })).toMatchObject({
    reason: 'PROVIDER_RATE_LIMITED',
    detail: { blame: 'limit', providerCode: 'RESOURCE_EXHAUSTED' },
  });
});
