import type { ChatInput, EncodedRequest, ProviderSettings } from '../../kernel/adapter.ts';
import { type JsonInput, members, splice, toJson } from '../../kernel/json-text.ts';
import type { ChatRequest } from '../../kernel/messages.ts';
import { mergeExtra } from '../shared/extra.ts';
import { Notes } from '../shared/notes.ts';
import { rawObject } from '../shared/raw-object.ts';
import { type Conversation, conversation } from '../shared/turns.ts';
import { dropUnsupported } from '../shared/unsupported.ts';
import type { Block } from './content.ts';
import { dialect } from './dialect.ts';
import { blockDialect, typeOf } from './messages.ts';
import { modelOf } from './model.ts';
import { samplingOf } from './sampling.ts';
import { type Thinking, thinkingOf, thinks } from './thinking.ts';
import { toolChoiceOf, toolsOf } from './tools.ts';

/** The version of the API that this dialect is written for. */
export const apiVersion = '2023-06-01';

/** The body of a request, and what the caller asked for that goes elsewhere. */
export interface MessageBody {
  readonly json: string;
  /** Beta features asked for in `extra` as `anthropic_beta`. */
  readonly betas: readonly string[];
  readonly notes: Notes;
}

/** A resource's path; a base path may have the version already. */
export const pathOf = ({ basePath }: ProviderSettings, resource: string): string =>
  `${basePath}${basePath.endsWith('/v1') ? '' : '/v1'}/${resource}`;

/** Encodes a request of the Messages API ("Create a Message"). */
export function encode(input: ChatInput, settings: ProviderSettings, defaultMax: number | undefined): EncodedRequest {
  const { json, betas, notes } = messageBody(
    input,
    { model: input.model, stream: input.stream || undefined },
    defaultMax,
  );
  return {
    method: 'POST',
    path: pathOf(settings, 'messages'),
    headers: {
      'content-type': 'application/json',
      accept: input.stream ? 'text/event-stream' : 'application/json',
      'anthropic-version': apiVersion,
      'x-api-key': input.apiKey,
      ...settings.headers,
      ...betaHeader(settings, betas),
    },
    body: json,
    notes: notes.all,
  };
}

/** The beta features of the instance and of the call, as their header. */
export function betaHeader(settings: ProviderSettings, betas: readonly string[]): Readonly<Record<string, string>> {
  const names = [settings.headers['anthropic-beta'] ?? '', ...betas].filter((name) => name !== '');
  return names.length > 0 ? { 'anthropic-beta': names.join(',') } : {};
}

/** The body alone; `head` is what tells the model and the kind of answer where the dialect is served. */
export function messageBody(
  { request, model: name }: ChatInput,
  head: { readonly [member: string]: JsonInput },
  defaultMax: number | undefined,
): MessageBody {
  const notes = new Notes();
  const model = modelOf(name);
  const talk = conversation(request.messages, blockDialect(notes), notes);
  const tools = toolsOf(request, notes);
  const { choice, forced } = toolChoiceOf(request, tools !== undefined, notes);
  const thinking = fitThinking(thinkingOf(request, model, defaultMax ?? model.maxTokens, notes), talk, forced, notes);
  const sampling = samplingOf(request, model, thinks(thinking), notes);
  const format = formatOf(request, notes);
  dropUnsupported(
    request,
    [
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
      'prompt_cache_key',
      'store',
      'metadata',
    ],
    notes,
  );
  const user = request.safetyIdentifier ?? request.user;
  const body = toJson({
    ...head,
    max_tokens: thinking.maxTokens,
    system: talk.system.length > 0 ? talk.system : undefined,
    messages: talk.turns as unknown as JsonInput,
    tools,
    tool_choice: choice,
    temperature: sampling.temperature,
    top_p: sampling.topP,
    top_k: sampling.topK,
    stop_sequences: request.stop.length > 0 ? request.stop : undefined,
    thinking: thinking.thinking,
    output_config:
      thinking.effort === undefined && format === undefined ? undefined : { effort: thinking.effort, format },
    service_tier: serviceTierOf(request.serviceTier, notes),
    metadata: user === undefined ? undefined : { user_id: user },
  });
  const { extra, betas } = takeBetas(request.extra);
  return { json: mergeExtra(body, extra, dialect, notes), betas, notes };
}

/** Leaves thinking out where the API would refuse it: with a forced tool, or amid a tool loop that began without. */
function fitThinking(thinking: Thinking, { turns }: Conversation<Block>, forced: boolean, notes: Notes): Thinking {
  const type = thinking.thinking?.type;
  if (type === undefined || type === 'disabled') return thinking;
  const off = (why: string): Thinking => {
    notes.dropped('reasoning', why);
    return { ...thinking, thinking: undefined };
  };
  if (forced) return off('the provider does not think where a tool is forced');
  if (type !== 'enabled') return thinking;
  const last = turns.at(-1)?.role === 'user' ? turns.at(-2)?.content : undefined;
  const inLoop =
    last?.some((block) => typeOf(block) === 'tool_use') && typeOf(turns.at(-1)?.content[0]) === 'tool_result';
  if (inLoop && !/thinking$/.test(typeOf(last?.[0])))
    return off('the tool calls to go on from were made without thinking');
  return thinking;
}

/** The body's `output_config.format`. */
function formatOf({ responseFormat }: ChatRequest, notes: Notes): JsonInput {
  const format = responseFormat?.format;
  switch (format?.case) {
    case 'jsonSchema': {
      const schema = rawObject(format.value.schema);
      if (schema === undefined) {
        notes.dropped('response_format.json_schema', 'the schema is not a JSON object');
        return undefined;
      }
      if (format.value.description !== '') notes.dropped('response_format.json_schema.description');
      return { type: 'json_schema', schema };
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

function serviceTierOf(tier: string | undefined, notes: Notes): string | undefined {
  switch (tier) {
    case 'default':
    case 'standard':
      return 'standard_only';
    case 'priority':
      notes.mapped('service_tier', 'auto');
      return 'auto';
    case 'flex':
      notes.dropped('service_tier');
      return undefined;
    default:
      return tier;
  }
}

/** `anthropic_beta` is a header, not a member of the body. */
function takeBetas(extra: ChatRequest['extra']): { extra: ChatRequest['extra']; betas: string[] } {
  const betas: string[] = [];
  const rest: ChatRequest['extra'] = {};
  for (const [provider, json] of Object.entries(extra)) {
    const asked = json === '' ? undefined : members(json).get('anthropic_beta');
    rest[provider] = asked === undefined ? json : splice(json, { anthropic_beta: undefined });
    if (asked === undefined || (provider !== '*' && provider !== dialect)) continue;
    const value: unknown = JSON.parse(asked);
    for (const name of Array.isArray(value) ? value : [value]) {
      // A header's value: nothing but a feature's name may go into it.
      if (typeof name === 'string' && /^[\w.,-]+$/.test(name)) betas.push(name);
    }
  }
  return { extra: rest, betas };
}
