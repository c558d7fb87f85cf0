import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ChatCompletionRequestSchema } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { azureOpenAi } from './index.ts';

const request = create(ChatCompletionRequestSchema, {});

function encoded(basePath: string, options: Record<string, unknown>, apiKey = 'key') {
  const adapter = azureOpenAi.adapter({ name: 'azure', basePath, headers: {}, options });
  const { path, headers, body } = adapter.encode({
    request,
    source: undefined,
    model: 'gpt-4o',
    apiKey,
    stream: false,
  });
  return { path, headers, model: (JSON.parse(String(body)) as { model: string }).model };
}

const deployments = { 'gpt-4o': 'my deployment' };

test.each([
  [
    '',
    { api_version: '2024-10-21', deployments },
    '/openai/deployments/my%20deployment/chat/completions?api-version=2024-10-21',
  ],
  ['', { api_version: '2024-10-21' }, '/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21'],
  ['/openai', { api_version: '2024-10-21' }, '/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21'],
  ['', { deployments }, '/openai/v1/chat/completions'],
  ['', { api_version: 'preview' }, '/openai/v1/chat/completions?api-version=preview'],
  ['/openai/v1', {}, '/openai/v1/chat/completions'],
  ['/models', { api_version: '2024-05-01-preview' }, '/models/chat/completions?api-version=2024-05-01-preview'],
])('base path %j with %j asks %s', (basePath, options, path) => {
  expect(encoded(basePath, options).path).toBe(path);
});

test('the deployment stands for the model in the body too', () => {
  expect(encoded('', { deployments }).model).toBe('my deployment');
  expect(encoded('', {}).model).toBe('gpt-4o');
});

test('a key goes into api-key, an access token into authorization', () => {
  expect(encoded('', {}).headers).toMatchObject({ 'api-key': 'key' });
  const token = encoded('', {}, 'eyJ0.eyJh.c2ln').headers;
  expect(token).toMatchObject({ authorization: 'Bearer eyJ0.eyJh.c2ln' });
  expect(token).not.toHaveProperty('api-key');
});
