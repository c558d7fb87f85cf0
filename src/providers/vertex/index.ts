import { z } from 'zod';
import type { ProviderType } from '../../kernel/provider.ts';
import { accessToken } from './access-token.ts';
import { claudeOnVertex } from './claude.ts';
import { geminiOnVertex } from './gemini.ts';

/** Google Cloud's Vertex AI. */
export const vertex: ProviderType = {
  type: 'vertex',
  title: 'Google Vertex AI',
  baseUrl: 'https://{location}-aiplatform.googleapis.com',
  keyVariable: undefined,
  // Without an access token the application default credentials are asked for one.
  requiresKey: false,
  simulated: false,
  options: {
    project: z.string().min(1).describe('The Google Cloud project.'),
    location: z
      .string()
      .min(1)
      .describe('The region. For `global` set `base_url` to https://aiplatform.googleapis.com too.'),
    publisher: z
      .enum(['google', 'anthropic'])
      .default('google')
      .describe('Whose models: `google` for Gemini, `anthropic` for Claude.'),
    default_max_tokens: z
      .number()
      .int()
      .positive()
      .optional()
      .describe('The limit of an answer of Claude’s, which the API needs, where the caller sets none.'),
  },
  adapter: (settings) =>
    settings.options['publisher'] === 'anthropic' ? claudeOnVertex(settings) : geminiOnVertex(settings),
  signer: accessToken,
};
