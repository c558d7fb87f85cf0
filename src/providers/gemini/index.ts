import type { ProviderAdapter, ProviderSettings } from '../../kernel/adapter.ts';
import type { ProviderType } from '../../kernel/provider.ts';
import { dialect } from './dialect.ts';
import { fault } from './fault.ts';
import { modelList } from './model-list.ts';
import { encode, headersOf, versionPath } from './request.ts';
import { decode } from './response.ts';
import { ContentDecoder } from './stream.ts';

/** Google's Gemini API (AI Studio). */
export const gemini: ProviderType = {
  type: dialect,
  title: 'Google Gemini',
  baseUrl: 'https://generativelanguage.googleapis.com',
  keyVariable: 'GEMINI_API_KEY',
  requiresKey: true,
  simulated: false,
  options: {},
  adapter: (settings: ProviderSettings): ProviderAdapter => ({
    framing: 'sse',
    encode: (input) => encode(input, settings),
    decode,
    decoder: () => new ContentDecoder(),
    fault,
    models: modelList(`${versionPath(settings)}/models`, (apiKey) => headersOf(settings, apiKey)),
  }),
};
