import type { ChatInput, EncodedRequest, ProviderAdapter, ProviderSettings } from '../../kernel/adapter.ts';
import { dialect } from '../gemini/dialect.ts';
import { fault } from '../gemini/fault.ts';
import { contentBody, verbOf } from '../gemini/request.ts';
import { decode } from '../gemini/response.ts';
import { ContentDecoder } from '../gemini/stream.ts';
import { Notes } from '../shared/notes.ts';
import { extraFor, headersOf, modelPath } from './place.ts';

/** The version that Google's own SDK asks: not all of the dialect is in v1. */
const apiVersion = 'v1beta1';

function encode(input: ChatInput, settings: ProviderSettings): EncodedRequest {
  const { request, apiKey, stream } = input;
  const model = input.model.replace(/^models\//, '');
  const notes = new Notes();
  const labels = Object.keys(request.metadata).length > 0 ? request.metadata : undefined;
  const own = { ...request, extra: extraFor(dialect, request.extra) };
  return {
    method: 'POST',
    path: `${modelPath(settings, apiVersion, 'google', model)}:${verbOf(stream)}`,
    headers: headersOf(settings, apiKey, stream),
    body: contentBody({ ...input, model, request: own }, { labels }, notes),
    notes: notes.all,
  };
}

/** Gemini on Vertex AI: the Gemini API's contents under other paths and credentials. */
export const geminiOnVertex = (settings: ProviderSettings): ProviderAdapter => ({
  framing: 'sse',
  encode: (input) => encode(input, settings),
  decode,
  decoder: () => new ContentDecoder(),
  fault,
});
