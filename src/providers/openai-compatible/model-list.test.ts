import { expect, test } from 'vitest';
import { modelList } from './model-list.ts';

const { request, decode } = modelList('/v1', (key) => ({ authorization: `Bearer ${key}` }));
const decoded = (value: unknown) => decode(Buffer.from(JSON.stringify(value)));

test('asks for the list with the key', () => {
  expect(request('k')).toMatchObject({ method: 'GET', path: '/v1/models', headers: { authorization: 'Bearer k' } });
});

test('reads names alone, as OpenAI sends them', () => {
  const models = [{ id: 'gpt', object: 'model', created: 1, owned_by: 'o' }, { id: '' }, 'x'];
  expect(decoded({ object: 'list', data: models })).toEqual([{ id: 'gpt', created: 1 }]);
});

test('reads what others tell beside the name', () => {
  const rich = {
    id: 'a/b',
    name: 'A: B',
    context_length: 1000,
    architecture: { input_modalities: ['text', 'image'], output_modalities: ['text'] },
    pricing: { prompt: '0.0000006', completion: '0.000002', input_cache_read: '0', request: '1' },
    top_provider: { max_completion_tokens: 100 },
    supported_parameters: ['tools', 'structured_outputs', 'seed', 'tools'],
  };
  expect(decoded({ data: [rich] })).toEqual([
    {
      id: 'a/b',
      title: 'A: B',
      contextLength: 1000,
      maxOutputTokens: 100,
      inputModalities: ['text', 'image'],
      outputModalities: ['text'],
      capabilities: ['tools', 'json_schema'],
      pricing: { prompt: 0.6, completion: 2, cachedPrompt: 0 },
    },
  ]);
});

test('reads a bare list, and leaves out what is not for chat', () => {
  const chat = { id: 'chat', type: 'chat', context_length: 0, pricing: { input: 0.2, output: 0.9 } };
  expect(decoded([chat, { id: 'draw', type: 'image' }])).toEqual([
    { id: 'chat', pricing: { prompt: 0.2, completion: 0.9 } },
  ]);
  const flags = { completion_chat: true, function_calling: true, vision: false };
  expect(
    decoded({
      data: [
        { id: 'm', capabilities: flags, max_context_length: 32 },
        { id: 'e', capabilities: { completion_chat: false } },
      ],
    }),
  ).toEqual([{ id: 'm', contextLength: 32, inputModalities: ['text'], capabilities: ['tools'] }]);
});

test.each(['{}', 'null', '<html>', '{"data":{}}'])('%s is no list', (json) => {
  expect(() => decode(Buffer.from(json))).toThrow(expect.objectContaining({ reason: 'PROVIDER_MALFORMED' }));
});
