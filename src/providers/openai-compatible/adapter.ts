import { z } from 'zod';
import type { ChatInput, ProviderAdapter, ProviderSettings } from '../../kernel/adapter.ts';
import type { ProviderType } from '../../kernel/provider.ts';
import { responsesAdapter } from '../openai-responses/adapter.ts';
import { Notes } from '../shared/notes.ts';
import { ChunkReader, decodeAnswer } from './answers.ts';
import { encodeBody } from './encode-request.ts';
import { failureFault } from './errors.ts';
import { modelList } from './model-list.ts';
import { type CompatibleProvider, headersOf } from './provider.ts';

/** `api` of providers that have more than one. */
const api: z.ZodRawShape = {
  api: z
    .enum(['chat', 'responses'])
    .optional()
    .describe('Which of its APIs to speak: `chat` (Chat Completions, the default) or `responses`.'),
};

/** A provider that speaks OpenAI's Chat Completions, made of the data that tells how it departs from it. */
export const openAiCompatible = (provider: CompatibleProvider): ProviderType => ({
  type: provider.type,
  title: provider.title,
  baseUrl: provider.baseUrl,
  keyVariable: provider.keyVariable,
  requiresKey: provider.requiresKey ?? true,
  ...(provider.keyOptions && { keyOptions: provider.keyOptions }),
  simulated: provider.simulated ?? false,
  options: { ...(provider.responses ? api : undefined), ...provider.options },
  adapter: (settings) => ({
    ...(settings.options['api'] === 'responses'
      ? responsesAdapter(provider, settings)
      : compatibleAdapter(provider, settings)),
    ...(provider.listsModels !== false && {
      models: modelList(settings.basePath, (apiKey) => headersOf(provider, settings, apiKey)),
    }),
  }),
  ...(provider.signer && { signer: provider.signer }),
});

function compatibleAdapter(provider: CompatibleProvider, settings: ProviderSettings): ProviderAdapter {
  const quirks = provider.quirks ?? {};
  return {
    framing: 'sse',
    encode(input: ChatInput) {
      const notes = new Notes();
      return {
        method: 'POST',
        path: settings.basePath + (provider.path?.(input, settings, '/chat/completions') ?? '/chat/completions'),
        headers: {
          'content-type': 'application/json',
          accept: input.stream ? 'text/event-stream' : 'application/json',
          ...headersOf(provider, settings, input.apiKey),
        },
        body: encodeBody(input, provider, settings, quirks, notes),
        notes: notes.all,
      };
    },
    decode: (body, reads) => decodeAnswer(body, provider.type, quirks, reads),
    decoder: (reads) => new ChunkReader(provider.type, quirks, reads),
    fault: (failure) => failureFault(failure, quirks.errorCodes),
  };
}
