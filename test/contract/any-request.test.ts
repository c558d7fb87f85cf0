import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ChatCompletionRequestSchema } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../../gen/es/llmbridge/v1/content_pb.ts';
import type { EncodedRequest, ProviderAdapter } from '../../src/kernel/adapter.ts';
import { providerTypes } from '../../src/providers/index.ts';
import { openai } from '../../src/providers/openai/index.ts';
import { anyRequest, type RequestInit } from './arbitrary-request.ts';
import { adapterOf } from './dialect.ts';

const models = [
  'claude-sonnet-4-5',
  'claude-opus-4-8',
  'us.amazon.nova-2-lite-v1:0',
  'meta.llama3-3-70b-instruct-v1:0',
  'gpt-5',
  'gemini-2.5-pro',
  'gemini-3-flash-preview',
];

const hi = { role: Role.USER, content: 'hi' };
const weather = { tool: { case: 'function', value: { name: 'weather', parameters: '{"type":"object"}' } } } as const;

/** Each parameter with a value that asks for something. */
const parameters: Readonly<Record<string, RequestInit>> = {
  temperature: { temperature: 0.5 },
  top_p: { topP: 0.5 },
  top_k: { topK: 5 },
  max_tokens: { maxTokens: 77 },
  max_completion_tokens: { maxCompletionTokens: 77 },
  stop: { stop: ['END'] },
  n: { n: 2 },
  seed: { seed: 7n },
  presence_penalty: { presencePenalty: 0.5 },
  frequency_penalty: { frequencyPenalty: 0.5 },
  logit_bias: { logitBias: { '5': 1 } },
  logprobs: { logprobs: true },
  top_logprobs: { topLogprobs: 3 },
  tools: { tools: [weather] },
  tool_choice: { tools: [weather], toolChoice: { mode: 3, name: 'weather' } },
  parallel_tool_calls: { tools: [weather], parallelToolCalls: false },
  response_format: {
    responseFormat: { format: { case: 'jsonSchema', value: { name: 'a', schema: '{"type":"object"}' } } },
  },
  reasoning_effort: { reasoningEffort: 'high' },
  reasoning: { reasoning: { maxTokens: 2000 } },
  modalities: { modalities: ['text', 'audio'] },
  audio: { audio: { voice: 'v', format: 'wav' } },
  prediction: { prediction: 'the same' },
  service_tier: { serviceTier: 'priority' },
  verbosity: { verbosity: 'low' },
  user: { user: 'u' },
  safety_identifier: { safetyIdentifier: 's' },
  prompt_cache_key: { promptCacheKey: 'k' },
  store: { store: true },
  metadata: { metadata: { a: 'b' } },
};

const encode = (adapter: ProviderAdapter, model: string, init: RequestInit): EncodedRequest =>
  adapter.encode({
    request: create(ChatCompletionRequestSchema, { messages: [hi], ...init }),
    source: undefined,
    model,
    apiKey: 'key',
    stream: false,
  });

const speakers: readonly (readonly [string, ProviderAdapter])[] = [
  ...providerTypes.filter(({ simulated }) => !simulated).map((type) => [type.type, adapterOf(type)] as const),
  ["openai's Responses", openai.adapter({ name: 'o', basePath: '', headers: {}, options: { api: 'responses' } })],
];

describe.each(speakers)('%s', (_, adapter) => {
  test('any request is encoded, as JSON', () => {
    fc.assert(
      fc.property(anyRequest, fc.constantFrom(...models), fc.boolean(), (request, model, stream) => {
        const encoded = adapter.encode({ request, source: undefined, model, apiKey: 'key', stream });
        expect(JSON.parse(String(encoded.body))).toBeTypeOf('object');
        for (const note of encoded.notes) expect(note.name).not.toBe('');
      }),
      { numRuns: 150 },
    );
  });

  test.each(models)('%s: a parameter reaches the provider, or a note tells of it', (model) => {
    for (const [name, init] of Object.entries(parameters)) {
      const { tools } = init;
      const without = encode(adapter, model, name === 'tools' || tools === undefined ? {} : { tools });
      const asked = encode(adapter, model, init);
      const told = asked.notes.some((note) => note.name === name || note.name.startsWith(`${name}.`));
      expect(told || asked.body !== without.body, `${name} was dropped without a word`).toBe(true);
    }
  });
});
