import { z } from 'zod';
import type { ProviderAdapter, ProviderSettings } from '../../kernel/adapter.ts';
import type { ProviderType } from '../../kernel/provider.ts';
import { dialect } from './dialect.ts';
import { fault } from './fault.ts';
import { modelList } from './model-list.ts';
import { apiVersion, encode, pathOf } from './request.ts';
import { decode } from './response.ts';
import { MessageDecoder } from './stream.ts';

/** Anthropic's Messages API. */
export const anthropic: ProviderType = {
  type: dialect,
  title: 'Anthropic',
  baseUrl: 'https://api.anthropic.com',
  keyVariable: 'ANTHROPIC_API_KEY',
  requiresKey: true,
  simulated: false,
  options: {
    default_max_tokens: z
      .number()
      .int()
      .positive()
      .optional()
      .describe('The limit of an answer, which the API needs, where the caller sets none.'),
  },
  adapter: (settings: ProviderSettings): ProviderAdapter => {
    const limit = settings.options['default_max_tokens'];
    const defaultMax = typeof limit === 'number' ? limit : undefined;
    return {
      framing: 'sse',
      encode: (input) => encode(input, settings, defaultMax),
      decode,
      decoder: () => new MessageDecoder(),
      fault,
      models: modelList(pathOf(settings, 'models'), (apiKey) => ({
        accept: 'application/json',
        'anthropic-version': apiVersion,
        'x-api-key': apiKey,
        ...settings.headers,
      })),
    };
  },
};
