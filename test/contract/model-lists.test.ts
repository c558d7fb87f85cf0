import { expect, test } from 'vitest';
import type { ProviderType } from '../../src/kernel/provider.ts';
import { cohere } from '../../src/providers/cohere/index.ts';
import { gemini } from '../../src/providers/gemini/index.ts';
import { ollama } from '../../src/providers/ollama/index.ts';
import { adapterOf } from './dialect.ts';

const bytes = (body: object) => Buffer.from(JSON.stringify(body));

test.each<[string, ProviderType, string, object, object[]]>([
  [
    'gemini',
    gemini,
    '/v1beta/models?pageSize=1000',
    {
      models: [
        {
          name: 'models/gemini-3-pro',
          displayName: 'Gemini 3 Pro',
          inputTokenLimit: 1048576,
          outputTokenLimit: 65536,
          supportedGenerationMethods: ['generateContent', 'countTokens'],
          thinking: true,
        },
        { name: 'models/embedding', supportedGenerationMethods: ['embedContent'] },
      ],
    },
    [
      {
        id: 'gemini-3-pro',
        title: 'Gemini 3 Pro',
        contextLength: 1048576,
        maxOutputTokens: 65536,
        capabilities: ['reasoning'],
      },
    ],
  ],
  [
    'ollama',
    ollama,
    '/api/tags',
    { models: [{ name: 'qwen3:8b', model: 'qwen3:8b', size: 1 }, { name: 'old' }, {}] },
    [{ id: 'qwen3:8b' }, { id: 'old' }],
  ],
  [
    'cohere',
    cohere,
    '/v1/models?endpoint=chat&page_size=1000',
    {
      models: [
        { name: 'command-a', context_length: 256000, features: ['tools', 'vision', 'chat-completions'] },
        { name: 'gone', is_deprecated: true },
      ],
    },
    [{ id: 'command-a', contextLength: 256000, capabilities: ['tools'], inputModalities: ['text', 'image'] }],
  ],
])('%s lists its models', (_, type, path, body, listed) => {
  const { models } = adapterOf(type);
  expect(models?.request('secret')).toMatchObject({ method: 'GET', path });
  expect(Object.values(models?.request('secret').headers ?? {}).join()).toContain('secret');
  expect(models?.decode(bytes(body))).toEqual(listed);
  expect(() => models?.decode(bytes({}))).toThrow(expect.objectContaining({ reason: 'PROVIDER_MALFORMED' }));
});
