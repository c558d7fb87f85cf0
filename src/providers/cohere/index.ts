import type { ProviderAdapter, ProviderSettings } from '../../kernel/adapter.ts';
import type { ProviderType } from '../../kernel/provider.ts';
import { dialect } from './dialect.ts';
import { fault } from './fault.ts';
import { modelList } from './model-list.ts';
import { encode, headersOf, home } from './request.ts';
import { decode } from './response.ts';
import { EventDecoder } from './stream.ts';

/** Cohere's Chat API, version 2. */
export const cohere: ProviderType = {
  type: dialect,
  title: 'Cohere',
  baseUrl: 'https://api.cohere.com',
  keyVariable: 'COHERE_API_KEY',
  requiresKey: true,
  simulated: false,
  options: {},
  adapter: (settings: ProviderSettings): ProviderAdapter => ({
    framing: 'sse',
    encode: (input) => encode(input, settings),
    decode,
    decoder: () => new EventDecoder(),
    fault,
    models: modelList(`${home(settings)}/v1/models`, (apiKey) => headersOf(settings, apiKey)),
  }),
};
