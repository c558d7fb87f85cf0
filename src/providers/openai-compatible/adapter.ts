import { z } from 'zod';
import type { ChatInput, HttpFailure, ProviderAdapter, ProviderSettings } from '../../kernel/adapter.ts';
import type { ProviderType } from '../../kernel/provider.ts';
import { tryParseObject, utf8 } from '../shared/json-body.ts';
import { Notes } from '../shared/notes.ts';
import { faultOfFailure } from '../shared/provider-fault.ts';
import { ChunkReader, decodeAnswer } from './answers.ts';
import { encodeBody } from './encode-request.ts';
import { readError } from './errors.ts';
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
    fault(failure: HttpFailure) {
      const text = utf8(failure.body);
      const error = readError(tryParseObject(text) ?? plainMessage(text), failure.status, quirks.errorCodes);
      return faultOfFailure(failure, error);
    },
  };
}

/** A body of plain words, as an error object; undefined for HTML and for nothing. */
function plainMessage(text: string): { message: string } | undefined {
  const words = text.trim();
  return words === '' || words.startsWith('<') || words.startsWith('{') ? undefined : { message: words };
}
