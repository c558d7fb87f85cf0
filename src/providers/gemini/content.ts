import type { ContentPart, Message, ReasoningPart } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { type JsonInput, RawJson } from '../../kernel/json-text.ts';
import { isMadeCallId, nameOfCall } from '../shared/call-ids.ts';
import { base64 } from '../shared/media.ts';
import type { Notes } from '../shared/notes.ts';
import { nativeBlock, withExtra } from '../shared/own-blocks.ts';
import { rawObject } from '../shared/raw-object.ts';
import { knownPart } from '../shared/signed-part.ts';
import { argumentsOf, type BlockDialect, type JsonMembers } from '../shared/turns.ts';
import { dialect } from './dialect.ts';
import { audioOf, fileOf, imageOf, videoOf } from './media.ts';
import type { Model } from './model.ts';

/** A part of a request's content; raw where it is the provider's own. */
export type Block = JsonMembers | RawJson;

/** An id that the provider has given, or some other provider; what was made here for want of one is not told. */
const idOf = (id: string): string | undefined => (id === '' || isMadeCallId(dialect, id) ? undefined : id);

/** How Gemini writes messages (API reference, Content and Part). */
export function blockDialect(messages: readonly Message[], model: Model, notes: Notes): BlockDialect<Block> {
  let marked = false;
  return {
    text: (text) => ({ text }),
    part: (part, path) => partBlock(part, path, notes),
    call: (call, path, marked) => {
      const mark = marked && knownPart(marked, signers, path, notes);
      const args = argumentsOf(call, path, notes);
      const block: JsonMembers = {
        functionCall: withExtra({ id: idOf(call.id), name: call.name, args }, call.extra, dialect, path, notes),
        thoughtSignature: (mark?.part.case === 'toolCall' && mark.part.value.signature) || undefined,
      };
      return mark ? withExtra(block, mark.extra, dialect, path, notes) : block;
    },
    result: (message, callId, content, path) => {
      const media = content.filter((block) => 'inlineData' in block || 'fileData' in block);
      const block: JsonMembers = {
        id: idOf(callId),
        name: message.name || nameOfCall(callId, messages),
        response: responseOf(message),
        parts: model.signs && media.length > 0 ? (media as JsonInput) : undefined,
      };
      const result = { functionResponse: withExtra(block, message.extra, dialect, path, notes) };
      // Earlier models see pictures beside the result only.
      return model.signs ? [result] : [result, ...media];
    },
    inSystem: (block) => block instanceof RawJson || 'text' in block,
    mark: () => {
      if (!marked) notes.mapped('cache_control', 'the provider caches by itself');
      marked = true;
    },
    reasoning: (text) => ({ text, thought: true }),
  };
}

const signers = new Set([dialect]);

/** A part as a block; undefined for one that says nothing or cannot be carried, the latter with a note. */
function partBlock(part: ContentPart, path: string, notes: Notes): Block | undefined {
  const block = bareBlock(knownPart(part, signers, path, notes), path, notes);
  if (block === undefined || block instanceof RawJson) return block;
  return withExtra(block, part.extra, dialect, path, notes);
}

function bareBlock({ part }: ContentPart, path: string, notes: Notes): Block | undefined {
  switch (part.case) {
    case 'text': {
      // What an answer rests on stands beside its content and is no part of it: citations are not sent back.
      const { text, signature } = part.value;
      if (signature.length > 0) return { text, thoughtSignature: base64(signature) };
      return text === '' ? undefined : { text };
    }
    case 'image':
      return imageOf(part.value, path, notes);
    case 'audio':
      return audioOf(part.value, path, notes);
    case 'video':
      return videoOf(part.value, path, notes);
    case 'file':
      return fileOf(part.value, path, notes);
    case 'refusal':
      return part.value.refusal === '' ? undefined : { text: part.value.refusal };
    case 'reasoning':
      return thoughtBlock(part.value, path, notes);
    case 'native':
      return nativeBlock(part.value, dialect, path, notes);
    default:
      return undefined;
  }
}

function thoughtBlock({ text, signature, redacted, id }: ReasoningPart, path: string, notes: Notes): Block | undefined {
  if (redacted !== '' || id !== '') {
    notes.dropped(`${path}.reasoning`, 'reasoning of another provider');
    return undefined;
  }
  if (text === '' && signature === '') return undefined;
  return { text, thought: true, thoughtSignature: signature || undefined };
}

/** A result's JSON object as it is, any other text as the `output` that the API looks for, a failure as its `error`. */
function responseOf(message: Message): JsonInput {
  const text =
    message.parts.length === 0
      ? message.content
      : message.parts.map(({ part }) => (part.case === 'text' ? part.value.text : '')).join('');
  const raw = rawObject(text);
  if (message.isError === true) return { error: raw ?? text };
  return raw ?? { output: text };
}
