import { type AudioPart, type ContentPart, type Message, Role } from '../../../../gen/es/llmbridge/v1/content_pb.ts';
import { invalidField } from '../../../kernel/fault.ts';
import { newMessage, newPart } from '../../../kernel/messages.ts';
import { cacheControlAt } from './cache-control.ts';
import { citationsAt } from './citations.ts';
import { partsAt, readPart } from './content-parts.ts';
import { keep, keepMember, readNested } from './extra.ts';
import { emptyReasoning, textPart } from './literals.ts';
import { extraAt } from './own-extra.ts';
import { partKinds } from './part-kinds.ts';
import { setAudioData, setAudioId } from './part-sources.ts';
import type { Place } from './place.ts';
import {
  arrayAt,
  type Field,
  fields,
  ignore,
  objectAt,
  own,
  readMembers,
  setBoolean,
  setCount,
  setString,
} from './read.ts';
import { reasoningDetailsAt, thinkingBlocksAt } from './reasoning-details.ts';
import { functionCallOf, type SignedCall, toolCallsAt } from './tool-calls.ts';

/** A message while it is read; what belongs among its parts waits until all members are in. */
interface Draft {
  readonly message: Message;
  /** `content` as an array. */
  content: ContentPart[] | undefined;
  /** Our own `parts`: the whole order. */
  parts: ContentPart[] | undefined;
  reasoning: ContentPart[] | undefined;
  citations: ReturnType<typeof citationsAt> | undefined;
  images: ContentPart[] | undefined;
  audio: ContentPart | undefined;
  calls: SignedCall[] | undefined;
}

const roles: ReadonlyMap<unknown, Role> = new Map([
  ['system', Role.SYSTEM],
  ['developer', Role.DEVELOPER],
  ['user', Role.USER],
  ['assistant', Role.ASSISTANT],
  ['tool', Role.TOOL],
  ['function', Role.FUNCTION],
]);

/** A field of the message itself. */
const of =
  (field: Field<Message>): Field<Draft> =>
  (draft, value, at, key) =>
    field(draft.message, value, at, key);

const audioFields = fields<AudioPart>({
  // OpenAI keeps the sound under its id; what an answer held beside it is the same sound again.
  id: setAudioId,
  data: (part, value, at, key) => {
    if (part.source.case === undefined) setAudioData(part, value, at, key);
  },
  transcript: setString('transcript'),
  format: setString('format'),
  expires_at: setCount('expiresAt'),
});

function audioAt(value: unknown, at: Place, key: string): ContentPart {
  const { id, ...rest } = objectAt(value, at, key);
  const audio: AudioPart = {
    $typeName: 'llmbridge.v1.AudioPart',
    source: { case: undefined },
    format: '',
    transcript: '',
    expiresAt: 0,
  };
  const part = newPart({ case: 'audio', value: audio });
  // The id first, whatever the order in the text.
  readNested(audio, id === undefined ? rest : { id, ...rest }, at, key, audioFields, part.extra);
  return part;
}

function imagesAt(value: unknown, at: Place, key: string): ContentPart[] {
  const place = at.at(key);
  const kind = partKinds.get('image_url');
  if (kind === undefined) return [];
  return arrayAt(value, at, key).map((item, i) => readPart(kind, objectAt(item, place, i), place.at(i)));
}

const table = fields<Draft>({
  role: ({ message }, value, at, key) => {
    const role = roles.get(value);
    if (role === undefined)
      throw invalidField(at.pathOf(key), 'must be "system", "developer", "user", "assistant", "tool" or "function"');
    message.role = role;
  },
  content: (draft, value, at, key) => {
    if (typeof value === 'string') draft.message.content = value;
    else if (Array.isArray(value)) draft.content = partsAt(value, at, key);
    else throw invalidField(at.pathOf(key), 'must be a string or an array of parts');
  },
  name: of(setString('name')),
  tool_call_id: of(setString('toolCallId')),
  refusal: of(setString('refusal')),
  tool_calls: (draft, value, at, key) => {
    draft.calls = toolCallsAt(value, at, key);
  },
  function_call: ignore,
  audio: (draft, value, at, key) => {
    draft.audio = audioAt(value, at, key);
  },
  reasoning_content: own(of(setString('reasoningContent'))),
  // The name that some providers' answers have for it.
  reasoning: own(({ message }, value, at, key) => {
    if (typeof value === 'string') message.reasoningContent ||= value;
    else keepMember(message.extra, key, at.textOf(key));
  }),
  reasoning_details: own((draft, value, at, key) => {
    draft.reasoning = reasoningDetailsAt(value, at, key);
  }),
  thinking_blocks: own((draft, value, at, key) => {
    draft.reasoning ??= thinkingBlocksAt(value, at, key);
  }),
  annotations: own((draft, value, at, key) => {
    draft.citations = citationsAt(value, at, key, draft.message.extra);
  }),
  images: own((draft, value, at, key) => {
    draft.images = imagesAt(value, at, key);
  }),
  parts: own((draft, value, at, key) => {
    draft.parts = partsAt(value, at, key);
  }),
  // Pieces of a stream's parts, which `parts` has whole.
  part_deltas: own(ignore),
  is_error: own(of(setBoolean('isError'))),
  cache_control: of(cacheControlAt),
  extra: of(extraAt),
});

/** `messages` of a request. */
export function messagesAt(value: unknown, at: Place, key: string): Message[] {
  const place = at.at(key);
  // The ids given to calls in OpenAI's first form, by function, for the results that follow.
  let functionIds: Map<string, string> | undefined;
  return arrayAt(value, at, key).map((item, i) => {
    const object = objectAt(item, place, i);
    const messagePlace = place.at(i);
    const message = newMessage(Role.UNSPECIFIED);
    const draft: Draft = {
      message,
      content: undefined,
      parts: undefined,
      reasoning: undefined,
      citations: undefined,
      images: undefined,
      audio: undefined,
      calls: undefined,
    };
    const unknown = readMembers(draft, object, messagePlace, table);
    if (unknown !== undefined) keep(message.extra, unknown);
    if (message.role === Role.UNSPECIFIED) throw invalidField(messagePlace.pathOf('role'), 'is required');

    const functionCall = object['function_call'] ?? undefined;
    if (functionCall !== undefined) {
      const signed = functionCallOf(functionCall, messagePlace, 'function_call', `call_${i}`);
      draft.calls = [...(draft.calls ?? []), signed];
      functionIds ??= new Map();
      functionIds.set(signed.call.name, signed.call.id);
    }
    if (message.role === Role.FUNCTION) message.toolCallId ||= functionIds?.get(message.name) ?? '';
    assemble(draft);
    return message;
  });
}

/** Puts what the members told into the message: as plain fields where these say it all, else in parts. */
function assemble(draft: Draft): void {
  const { message, content, reasoning, citations, images, audio, calls } = draft;
  if (calls !== undefined) message.toolCalls = calls.map(({ call }) => call);
  if (draft.parts !== undefined && draft.parts.length > 0) {
    message.parts = draft.parts;
    return;
  }
  const signed = calls?.some(({ signature }) => signature !== '') === true;
  const beyond =
    signed ||
    audio !== undefined ||
    (reasoning !== undefined && reasoning.length > 0) ||
    (citations !== undefined && citations.length > 0) ||
    (images !== undefined && images.length > 0);
  if (!beyond && (content === undefined || content.length === 0)) return;

  const parts = reasoningParts(draft);
  const texts =
    content ?? (message.content === '' ? [] : [newPart({ case: 'text', value: textPart(message.content) })]);
  parts.push(...texts);
  if (citations !== undefined) {
    const last = texts.findLast(({ part }) => part.case === 'text')?.part;
    if (last?.case === 'text') last.value.citations.push(...citations);
  }
  if (images !== undefined) parts.push(...images);
  if (audio !== undefined) parts.push(audio);
  for (const { call, signature, signedBy } of beyond ? (calls ?? []) : []) {
    const mark = newPart({
      case: 'toolCall',
      value: { $typeName: 'llmbridge.v1.ToolCallPart', id: call.id, signature },
    });
    if (signedBy !== '') mark.signedBy = signedBy;
    parts.push(mark);
  }
  message.parts = parts;
}

/** The reasoning ahead of the rest. The one entry that has no text of its own has the message's. */
function reasoningParts({ message, content, reasoning }: Draft): ContentPart[] {
  const { reasoningContent } = message;
  if (reasoning === undefined || reasoning.length === 0) {
    if (reasoningContent === '' || content?.some(({ part }) => part.case === 'reasoning') === true) return [];
    return [newPart({ case: 'reasoning', value: { ...emptyReasoning(), text: reasoningContent } })];
  }
  if (reasoningContent === '' || reasoning.some(({ part }) => part.case === 'reasoning' && part.value.text !== ''))
    return reasoning;
  const open = reasoning.find(({ part }) => part.case === 'reasoning' && part.value.redacted === '');
  if (open?.part.case === 'reasoning') open.part.value.text = reasoningContent;
  else reasoning.unshift(newPart({ case: 'reasoning', value: { ...emptyReasoning(), text: reasoningContent } }));
  return reasoning;
}
