import type { ChatInput, ProviderAdapter, ProviderSettings } from '../../kernel/adapter.ts';
import { failureFault } from '../openai-compatible/errors.ts';
import { type CompatibleProvider, headersOf } from '../openai-compatible/provider.ts';
import { Notes } from '../shared/notes.ts';
import { errorCodes } from './errors.ts';
import { encodeBody } from './request.ts';
import { decode } from './response.ts';
import { ResponseDecoder } from './stream.ts';

/** OpenAI's Responses API (platform.openai.com/docs/api-reference/responses), for a provider of OpenAI's family that has it. */
export function responsesAdapter(provider: CompatibleProvider, settings: ProviderSettings): ProviderAdapter {
  const { type } = provider;
  const codes = { ...errorCodes, ...provider.quirks?.errorCodes };
  return {
    framing: 'sse',
    encode(input: ChatInput) {
      const notes = new Notes();
      return {
        method: 'POST',
        path: settings.basePath + (provider.path?.(input, settings, '/responses') ?? '/responses'),
        headers: {
          'content-type': 'application/json',
          accept: input.stream ? 'text/event-stream' : 'application/json',
          ...headersOf(provider, settings, input.apiKey),
        },
        body: encodeBody(input, provider, settings, notes),
        notes: notes.all,
      };
    },
    decode: (body) => decode(body, type),
    decoder: () => new ResponseDecoder(type),
    fault: (failure) => failureFault(failure, codes),
  };
}
