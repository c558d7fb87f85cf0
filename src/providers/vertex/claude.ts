import type { ChatInput, EncodedRequest, ProviderAdapter, ProviderSettings } from '../../kernel/adapter.ts';
import { dialect } from '../anthropic/dialect.ts';
import { fault } from '../anthropic/fault.ts';
import { betaHeader, messageBody } from '../anthropic/request.ts';
import { decode } from '../anthropic/response.ts';
import { MessageDecoder } from '../anthropic/stream.ts';
import { extraFor, headersOf, modelPath } from './place.ts';

/** The version of the Messages API as Vertex names it; it stands in the body. */
const apiVersion = 'vertex-2023-10-16';

function encode(input: ChatInput, settings: ProviderSettings, defaultMax: number | undefined): EncodedRequest {
  const { request, model, apiKey, stream } = input;
  const { json, betas, notes } = messageBody(
    { ...input, request: { ...request, extra: extraFor(dialect, request.extra) } },
    { anthropic_version: apiVersion, stream: stream || undefined },
    defaultMax,
  );
  return {
    method: 'POST',
    path: `${modelPath(settings, 'v1', 'anthropic', model)}:${stream ? 'streamRawPredict' : 'rawPredict'}`,
    headers: { ...headersOf(settings, apiKey, stream), ...betaHeader(settings, betas) },
    body: json,
    notes: notes.all,
  };
}

/** Claude on Vertex AI: Anthropic's messages under Google's paths and credentials ("Request predictions with Claude models"). */
export function claudeOnVertex(settings: ProviderSettings): ProviderAdapter {
  const limit = settings.options['default_max_tokens'];
  const defaultMax = typeof limit === 'number' ? limit : undefined;
  return {
    framing: 'sse',
    encode: (input) => encode(input, settings, defaultMax),
    decode,
    decoder: () => new MessageDecoder(),
    fault,
  };
}
