import type { ChatInput, EncodedRequest, ProviderAdapter, ProviderSettings } from '../../kernel/adapter.ts';
import { dialect } from '../anthropic/dialect.ts';
import { fault } from '../anthropic/fault.ts';
import { betaHeader, messageBody } from '../anthropic/request.ts';
import { decode } from '../anthropic/response.ts';
import { MessageDecoder } from '../anthropic/stream.ts';
import { joined } from '../shared/leftovers.ts';

/** The version of the Messages API as Vertex names it; it stands in the body. */
const apiVersion = 'vertex-2023-10-16';

/** A model's name as a segment of a path; a version after "@" stays as it is written. */
const segment = (name: string): string => encodeURIComponent(name).replaceAll('%40', '@');

function encode(input: ChatInput, settings: ProviderSettings, defaultMax: number | undefined): EncodedRequest {
  const { request, model, apiKey, stream } = input;
  const { project, location } = settings.options;
  const own = request.extra['vertex'] ?? '';
  const extra = own === '' ? request.extra : { ...request.extra, [dialect]: joined(request.extra[dialect] ?? '', own) };
  const { json, betas, notes } = messageBody(
    { ...input, request: { ...request, extra } },
    { anthropic_version: apiVersion, stream: stream || undefined },
    defaultMax,
  );
  const place = `projects/${segment(String(project))}/locations/${segment(String(location))}`;
  const verb = stream ? 'streamRawPredict' : 'rawPredict';
  return {
    method: 'POST',
    path: `${settings.basePath}/v1/${place}/publishers/anthropic/models/${segment(model)}:${verb}`,
    headers: {
      'content-type': 'application/json',
      accept: stream ? 'text/event-stream' : 'application/json',
      ...(apiKey !== '' && { authorization: `Bearer ${apiKey}` }),
      ...settings.headers,
      ...betaHeader(settings, betas),
    },
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
