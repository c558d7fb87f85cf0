import { z } from 'zod';
import type { ChatInput, ProviderAdapter, ProviderSettings } from '../../kernel/adapter.ts';
import type { ProviderType } from '../../kernel/provider.ts';
import { Notes } from '../shared/notes.ts';
import { ChunkReader, decodeAnswer } from './answers.ts';
import { encodeBody } from './encode-request.ts';
import { failureFault } from './errors.ts';
import type { CompatibleProvider } from './provider.ts';

const bearer = (apiKey: string) => ({ authorization: `Bearer ${apiKey}` });
const chatPath = () => '/chat/completions';

/** `api` of providers that have more than one: Chat Completions is the one spoken here. */
export const chatOnly: z.ZodRawShape = { api: z.literal('chat').optional() };

/** A provider that speaks OpenAI's Chat Completions, made of the data that tells how it departs from it. */
export const openAiCompatible = (provider: CompatibleProvider): ProviderType => ({
  type: provider.type,
  title: provider.title,
  baseUrl: provider.baseUrl,
  keyVariable: provider.keyVariable,
  requiresKey: provider.requiresKey ?? true,
  simulated: provider.simulated ?? false,
  options: provider.options ?? {},
  adapter: (settings) => compatibleAdapter(provider, settings),
});

function compatibleAdapter(provider: CompatibleProvider, settings: ProviderSettings): ProviderAdapter {
  const quirks = provider.quirks ?? {};
  const credential = provider.credential ?? bearer;
  const path = provider.path ?? chatPath;
  const headers = { 'content-type': 'application/json', ...provider.headers };
  return {
    framing: 'sse',
    encode(input: ChatInput) {
      const notes = new Notes();
      return {
        method: 'POST',
        path: settings.basePath + path(input, settings),
        headers: {
          ...headers,
          accept: input.stream ? 'text/event-stream' : 'application/json',
          ...(input.apiKey === '' ? undefined : credential(input.apiKey)),
          ...settings.headers,
        },
        body: encodeBody(input, provider, settings, quirks, notes),
        notes: notes.all,
      };
    },
    decode: (body) => decodeAnswer(body, provider.type, quirks),
    decoder: () => new ChunkReader(provider.type, quirks),
    fault: (failure) => failureFault(failure, quirks.errorCodes),
  };
}
