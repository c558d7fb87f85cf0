import type { ChatInput, EncodedRequest, ProviderSettings } from '../../kernel/adapter.ts';
import { type JsonInput, toJson } from '../../kernel/json-text.ts';
import type { ChatRequest } from '../../kernel/messages.ts';
import { mergeExtra } from '../shared/extra.ts';
import { Notes } from '../shared/notes.ts';
import { rawObject } from '../shared/raw-object.ts';
import { conversation, type JsonMembers } from '../shared/turns.ts';
import { dropUnsupported } from '../shared/unsupported.ts';
import { blockDialect } from './content.ts';
import { dialect } from './dialect.ts';
import { modelFields } from './reasoning.ts';
import { toolConfigOf } from './tools.ts';

const unsupported = [
  'n',
  'seed',
  'presence_penalty',
  'frequency_penalty',
  'logit_bias',
  'logprobs',
  'top_logprobs',
  'modalities',
  'audio',
  'prediction',
  'verbosity',
  'user',
  'safety_identifier',
  'prompt_cache_key',
  'store',
] as const;

/**
 * Encodes a request of Converse or ConverseStream. A key goes as a bearer token; without one the request is left to be
 * signed, which needs a clock and so is a stage of its own.
 */
export function encode(input: ChatInput, settings: ProviderSettings): EncodedRequest {
  const { request, model, apiKey, stream } = input;
  const notes = new Notes();
  return {
    method: 'POST',
    path: `${settings.basePath}/model/${encodeURIComponent(model)}/${stream ? 'converse-stream' : 'converse'}`,
    headers: {
      'content-type': 'application/json',
      accept: stream ? 'application/vnd.amazon.eventstream' : 'application/json',
      ...(apiKey !== '' && { authorization: `Bearer ${apiKey}` }),
      ...settings.headers,
    },
    body: body(request, model, notes),
    notes: notes.all,
  };
}

function body(request: ChatRequest, model: string, notes: Notes): string {
  const { system, turns } = conversation(request.messages, blockDialect(notes), notes);
  const fields = modelFields(request, model, notes);
  dropUnsupported(request, unsupported, notes);
  if (!('tool_choice' in fields.additional)) dropUnsupported(request, ['parallel_tool_calls'], notes);
  const json = toJson({
    messages: turns as unknown as JsonInput,
    system: system.length > 0 ? system : undefined,
    inferenceConfig: unlessEmpty({
      maxTokens: fields.maxTokens,
      temperature: fields.temperature,
      topP: fields.topP,
      stopSequences: request.stop.length > 0 ? request.stop : undefined,
    }),
    toolConfig: toolConfigOf(request, notes),
    outputConfig: outputConfigOf(request, notes),
    additionalModelRequestFields: unlessEmpty(fields.additional),
    serviceTier:
      request.serviceTier === undefined || request.serviceTier === 'auto' ? undefined : { type: request.serviceTier },
    requestMetadata: unlessEmpty(request.metadata),
  });
  return mergeExtra(json, extraOf(request), dialect, notes);
}

function unlessEmpty(object: JsonMembers): JsonMembers | undefined {
  for (const name in object) if (object[name] !== undefined) return object;
  return undefined;
}

/** Fields for any provider are the model's: Converse itself has a typed place for all that it knows. */
function extraOf({ extra }: ChatRequest): ChatRequest['extra'] {
  const any = extra['*'];
  return any === undefined || any === '' ? extra : { ...extra, '*': `{"additionalModelRequestFields":${any}}` };
}

/** The body's `outputConfig`; Converse takes the schema as text. */
function outputConfigOf({ responseFormat }: ChatRequest, notes: Notes): JsonMembers | undefined {
  const format = responseFormat?.format;
  switch (format?.case) {
    case 'jsonSchema': {
      const { name, description, schema } = format.value;
      if (rawObject(schema) === undefined) {
        notes.dropped('response_format.json_schema', 'the schema is not a JSON object');
        return undefined;
      }
      const jsonSchema = { schema, name: name || undefined, description: description || undefined };
      return { textFormat: { type: 'json_schema', structure: { jsonSchema } } };
    }
    case 'jsonObject':
      notes.dropped('response_format.json_object', 'the provider wants a schema: use json_schema');
      return undefined;
    case 'grammar':
      notes.dropped('response_format.grammar');
      return undefined;
    default:
      return undefined;
  }
}
