import type {
  AudioOptions,
  ChatCompletionRequest,
  ReasoningOptions,
  RoutingPreference,
  StreamOptions,
} from '../../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { SealedPayload } from '../../../../gen/es/llmbridge/v1/sealed_pb.ts';
import { invalidField } from '../../../kernel/fault.ts';
import { exactBytesAt } from './base64.ts';
import { type Extra, keepMember, readNested } from './extra.ts';
import { noBytes } from './literals.ts';
import type { Place } from './place.ts';
import {
  arrayAt,
  type Field,
  fields,
  ignore,
  isObject,
  objectAt,
  readClosed,
  readMembers,
  setBoolean,
  setCount,
  setString,
  setStrings,
  stringAt,
} from './read.ts';

type Request = ChatCompletionRequest;

const streamFields = fields<StreamOptions>({
  include_usage: setBoolean('includeUsage'),
  include_obfuscation: setBoolean('includeObfuscation'),
});

/** The gateway rules over streams itself, so an option that it does not know is refused. */
export const setStreamOptions: Field<Request> = (request, value, at, key) => {
  const options: StreamOptions = {
    $typeName: 'llmbridge.v1.StreamOptions',
    includeUsage: undefined,
    includeObfuscation: undefined,
  };
  readClosed(options, value, at, key, streamFields);
  request.streamOptions = options;
};

const routingFields = fields<RoutingPreference>({
  providers: setStrings('providers'),
  regions: setStrings('regions'),
  order: setStrings('order'),
});

export const setRouting: Field<Request> = (request, value, at, key) => {
  const routing: RoutingPreference = {
    $typeName: 'llmbridge.v1.RoutingPreference',
    providers: [],
    regions: [],
    order: [],
  };
  readClosed(routing, value, at, key, routingFields);
  request.routing = routing;
};

const reasoningFields = fields<{ request: Request; reasoning: ReasoningOptions }>({
  // OpenRouter's and the Responses API's place for it.
  effort: ({ request }, value, at, key) => {
    request.reasoningEffort ??= stringAt(value, at, key);
  },
  max_tokens: ({ reasoning }, value, at, key) => setCount('maxTokens')(reasoning, value, at, key),
  enabled: ({ reasoning }, value, at, key) => setBoolean('enabled')(reasoning, value, at, key),
  exclude: ({ reasoning }, value, at, key) => setBoolean('exclude')(reasoning, value, at, key),
  summary: ({ reasoning }, value, at, key) => setString('summary')(reasoning, value, at, key),
});

export const setReasoning: Field<Request> = (request, value, at, key) => {
  const reasoning: ReasoningOptions = {
    $typeName: 'llmbridge.v1.ReasoningOptions',
    maxTokens: undefined,
    enabled: undefined,
    exclude: undefined,
    summary: undefined,
  };
  readNested({ request, reasoning }, value, at, key, reasoningFields, request.extra);
  request.reasoning = reasoning;
};

const audioFields = fields<{ audio: AudioOptions; extra: Extra }>({
  // A voice of the caller's own is an object with its id; that form has no typed place.
  voice: ({ audio, extra }, value, at, key) => {
    if (isObject(value)) keepMember(extra, 'audio', `{${JSON.stringify(key)}:${at.textOf(key)}}`);
    else audio.voice = stringAt(value, at, key);
  },
  format: ({ audio }, value, at, key) => setString('format')(audio, value, at, key),
});

export const setAudio: Field<Request> = (request, value, at, key) => {
  const audio: AudioOptions = { $typeName: 'llmbridge.v1.AudioOptions', voice: '', format: '' };
  readNested({ audio, extra: request.extra }, value, at, key, audioFields, request.extra);
  request.audio = audio;
};

/** `{"type": "content", "content": "..."}`, or an array of text parts in place of the text. */
export const setPrediction: Field<Request> = (request, value, at, key) => {
  const prediction = objectAt(value, at, key);
  const place = at.at(key);
  if (stringAt(prediction['type'], place, 'type') !== 'content')
    throw invalidField(place.pathOf('type'), 'must be "content"');
  const content = prediction['content'];
  request.prediction = typeof content === 'string' ? content : joinTexts(content, place);
  const unknown = readMembers(undefined, prediction, place, predictionFields);
  if (unknown !== undefined) keepMember(request.extra, key, unknown);
};

const predictionFields = fields<unknown>({ type: ignore, content: ignore });

function joinTexts(content: unknown, at: Place): string {
  const place = at.at('content');
  return arrayAt(content, at, 'content')
    .map((part, i) => stringAt(objectAt(part, place, i)['text'], place.at(i), 'text'))
    .join('');
}

const sealedFields = fields<SealedPayload>({
  version: setCount('version'),
  key_id: setString('keyId'),
  issued_at: setCount('issuedAt'),
  nonce: (sealed, value, at, key) => {
    sealed.nonce = exactBytesAt(value, at, key);
  },
  ciphertext: (sealed, value, at, key) => {
    sealed.ciphertext = exactBytesAt(value, at, key);
  },
  salt: (sealed, value, at, key) => {
    sealed.salt = exactBytesAt(value, at, key);
  },
  sequence: setCount('sequence'),
  last: setBoolean('last'),
});

export const setSealed: Field<Request> = (request, value, at, key) => {
  const sealed: SealedPayload = {
    $typeName: 'llmbridge.v1.SealedPayload',
    version: 0,
    keyId: '',
    issuedAt: 0,
    nonce: noBytes,
    ciphertext: noBytes,
    salt: noBytes,
    sequence: 0,
    last: false,
  };
  readClosed(sealed, value, at, key, sealedFields);
  request.sealed = sealed;
};
