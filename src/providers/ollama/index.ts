import { z } from 'zod';
import type { ProviderAdapter, ProviderSettings } from '../../kernel/adapter.ts';
import type { ProviderType } from '../../kernel/provider.ts';
import { openAiCompatible } from '../openai-compatible/adapter.ts';
import { dialect } from './dialect.ts';
import { fault } from './fault.ts';
import { modelList } from './model-list.ts';
import { encode, headersOf, pathOf } from './request.ts';
import { decode } from './response.ts';
import { LineDecoder } from './stream.ts';

const common = {
  type: dialect,
  title: 'Ollama',
  baseUrl: 'http://127.0.0.1:11434',
  // Its cloud takes one; a server of one's own does not.
  keyVariable: 'OLLAMA_API_KEY',
  requiresKey: false,
} as const;

/** Ollama's Chat Completions, beside its own API. */
const chat = openAiCompatible({
  ...common,
  quirks: { developerRole: 'system', reasoningField: 'reasoning' },
});

const chatBase = ({ basePath }: ProviderSettings): string => (basePath.endsWith('/v1') ? basePath : `${basePath}/v1`);

/** Ollama's own API. */
export const ollama: ProviderType = {
  ...common,
  simulated: false,
  options: {
    api: z
      .enum(['native', 'chat'])
      .default('native')
      .describe("Which API to ask: `native`, its own, or `chat`, OpenAI's Chat Completions."),
  },
  adapter: (settings: ProviderSettings): ProviderAdapter =>
    settings.options['api'] === 'chat'
      ? chat.adapter({ ...settings, basePath: chatBase(settings) })
      : {
          framing: 'ndjson',
          encode: (input) => encode(input, settings),
          decode,
          decoder: () => new LineDecoder(),
          fault,
          models: modelList(pathOf(settings, 'tags'), (apiKey) => headersOf(settings, apiKey)),
        },
};
