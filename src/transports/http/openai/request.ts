import { isUtf8 } from 'node:buffer';
import type { ChatCompletionRequest } from '../../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Fault, invalidField } from '../../../kernel/fault.ts';
import { isTooDeep, maxJsonDepth } from '../../../kernel/json-depth.ts';
import { keep } from './extra.ts';
import { emptyRequest } from './literals.ts';
import { messagesAt } from './messages.ts';
import { setAudio, setPrediction, setReasoning, setRouting, setSealed, setStreamOptions } from './options.ts';
import { extraAt } from './own-extra.ts';
import { Place } from './place.ts';
import {
  booleanAt,
  type Field,
  type Fields,
  fields,
  int64At,
  isObject,
  type JsonObject,
  mapAt,
  numberAt,
  objectAt,
  own,
  readMembers,
  setBoolean,
  setCount,
  setNumber,
  setString,
  setStrings,
  stringAt,
  stringOrStringsAt,
} from './read.ts';
import { responseFormatAt } from './response-format.ts';
import { functionCallAt, toolChoiceAt } from './tool-choice.ts';
import { functionsAt, toolsAt } from './tools.ts';

/** A chat request as it came over HTTP. */
export interface DecodedRequest {
  readonly request: ChatCompletionRequest;
  readonly stream: boolean;
  /** The body's text if an OpenAI server would understand it as it stands. */
  readonly plain: string | undefined;
  /** The answer must use `function_call`, OpenAI's first form of a tool call. */
  readonly legacyFunctions: boolean;
}

interface Draft {
  readonly request: ChatCompletionRequest;
  stream: boolean;
}

const on =
  (field: Field<ChatCompletionRequest>): Field<Draft> =>
  (draft, value, at, key) =>
    field(draft.request, value, at, key);

/** Parameters that stand at the top level, or, in this project's own form, in `parameters`. */
const parameters: Readonly<Record<string, Field<Draft>>> = {
  stream: (draft, value, at, key) => {
    draft.stream = booleanAt(value, at, key);
  },
  stream_options: on(setStreamOptions),
  temperature: on(setNumber('temperature')),
  top_p: on(setNumber('topP')),
  top_k: own(on(setCount('topK'))),
  max_tokens: on(setCount('maxTokens')),
  max_completion_tokens: on(setCount('maxCompletionTokens')),
  stop: ({ request }, value, at, key) => {
    request.stop = stringOrStringsAt(value, at, key);
  },
  n: on(setCount('n')),
  seed: ({ request }, value, at, key) => {
    request.seed = int64At(value, at, key);
  },
  presence_penalty: on(setNumber('presencePenalty')),
  frequency_penalty: on(setNumber('frequencyPenalty')),
  logit_bias: ({ request }, value, at, key) => {
    request.logitBias = mapAt(value, at, key, numberAt);
  },
  logprobs: on(setBoolean('logprobs')),
  top_logprobs: on(setCount('topLogprobs')),
  tools: ({ request }, value, at, key) => {
    request.tools.push(...toolsAt(value, at, key));
  },
  tool_choice: ({ request }, value, at, key) => {
    request.toolChoice = toolChoiceAt(value, at, key, request.extra);
  },
  parallel_tool_calls: on(setBoolean('parallelToolCalls')),
  functions: ({ request }, value, at, key) => {
    at.traits.legacyFunctions = true;
    request.tools.push(...functionsAt(value, at, key));
  },
  function_call: ({ request }, value, at, key) => {
    request.toolChoice = functionCallAt(value, at, key);
  },
  response_format: ({ request }, value, at, key) => {
    request.responseFormat = responseFormatAt(value, at, key, request.extra);
  },
  reasoning_effort: on(setString('reasoningEffort')),
  reasoning: own(on(setReasoning)),
  modalities: on(setStrings('modalities')),
  audio: on(setAudio),
  prediction: on(setPrediction),
  service_tier: on(setString('serviceTier')),
  verbosity: on(setString('verbosity')),
  user: on(setString('user')),
  safety_identifier: on(setString('safetyIdentifier')),
  prompt_cache_key: on(setString('promptCacheKey')),
  store: on(setBoolean('store')),
  metadata: ({ request }, value, at, key) => {
    request.metadata = mapAt(value, at, key, stringAt);
  },
};

const parameterFields = fields(parameters);

/** What only the top level may say; in `parameters` it would be two of a thing. */
const body: Readonly<Record<string, Field<Draft>>> = {
  model: on(setString('model')),
  messages: ({ request }, value, at, key) => {
    request.messages = messagesAt(value, at, key);
  },
  provider: own(on(setString('provider'))),
  strict: own(on(setBoolean('strict'))),
  routing: own(on(setRouting)),
  extra: own(on(extraAt)),
  sealed: own(on(setSealed)),
};

const bodyFields: Fields<Draft> = fields({
  ...parameters,
  ...body,
  parameters: own((draft, value, at, key) => {
    const object = objectAt(value, at, key);
    const unknown = readMembers(draft, object, at.at(key), parameterFields);
    if (unknown !== undefined) keep(draft.request.extra, unknown);
  }),
});

/**
 * Reads the body of `POST /v1/chat/completions`: OpenAI's request, or this project's own form of it.
 * Throws BODY_INVALID for what is not JSON, and FIELD_INVALID with the path for a field that is wrong.
 */
export function decodeRequest(bytes: Buffer): DecodedRequest {
  if (!isUtf8(bytes)) throw new Fault('BODY_INVALID', 'the body is not valid UTF-8');
  if (isTooDeep(bytes)) throw new Fault('BODY_INVALID', `the body is nested more than ${maxJsonDepth} levels deep`);
  const json = bytes.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new Fault('BODY_INVALID', json.trim() === '' ? 'the body is empty' : 'the body is not valid JSON');
  }
  if (!isObject(value)) throw new Fault('BODY_INVALID', 'the body must be a JSON object');
  const place = Place.root(json);
  const draft: Draft = { request: emptyRequest(), stream: false };
  refuseDoubles(value, place);
  const unknown = readMembers(draft, value, place, bodyFields);
  if (unknown !== undefined) keep(draft.request.extra, unknown);
  return {
    request: draft.request,
    stream: draft.stream,
    plain: place.traits.plain && !gatewayRules(draft.request) ? json : undefined,
    legacyFunctions: place.traits.legacyFunctions,
  };
}

/** A parameter stands at the top level or in `parameters`; given twice, neither could win without a surprise. */
function refuseDoubles(request: JsonObject, at: Place): void {
  const inner = request['parameters'];
  if (!isObject(inner)) return;
  const place = at.at('parameters');
  for (const name in inner) {
    if (Object.hasOwn(body, name)) throw invalidField(place.pathOf(name), 'belongs beside "parameters", not in it');
    if (Object.hasOwn(request, name)) throw invalidField(place.pathOf(name), 'is given beside "parameters" too');
  }
}

/** Parameters without a typed place are subject to rules of their own, which need the message. */
const gatewayRules = (request: ChatCompletionRequest): boolean => request.extra['*'] !== undefined;
