import { type ContentPart, type Message, Role } from '../../../../gen/es/llmbridge/v1/content_pb.ts';
import { extraMembers, listMember, object, quote, stringMember } from './json-writer.ts';
import {
  audioMembers,
  callSignature,
  citationJson,
  imageMembers,
  partJson,
  reasoningDetailJson,
  signedByMember,
} from './part-json.ts';
import { functionJson, toolCallJson } from './tool-call-json.ts';

export const roleWords: Readonly<Record<number, string>> = {
  [Role.SYSTEM]: 'system',
  [Role.DEVELOPER]: 'developer',
  [Role.USER]: 'user',
  [Role.ASSISTANT]: 'assistant',
  [Role.TOOL]: 'tool',
  [Role.FUNCTION]: 'function',
};

const own = new Set(
  'role content refusal reasoning_content reasoning_details annotations images audio tool_calls function_call parts'.split(
    ' ',
  ),
);

/** The `message` of a whole answer. */
export function messageJson(message: Message, legacyFunctions: boolean): string {
  const { parts, toolCalls, content, refusal } = message;
  const silent = content === '' && (toolCalls.length > 0 || refusal !== '' || parts.length > 0);
  return object(
    `"role":"${roleWords[message.role] ?? 'assistant'}","content":${silent ? 'null' : quote(content)},"refusal":${
      refusal === '' ? 'null' : quote(refusal)
    },` +
      stringMember('reasoning_content', message.reasoningContent) +
      (parts.length === 0 ? '' : partsMembers(parts, message)) +
      callMembers(message, legacyFunctions) +
      extraMembers(message.extra, own),
  );
}

function callMembers({ toolCalls, parts }: Message, legacyFunctions: boolean): string {
  const [only] = toolCalls;
  if (legacyFunctions && only !== undefined && toolCalls.length === 1) return `"function_call":${functionJson(only)},`;
  return listMember(
    'tool_calls',
    toolCalls.map((call) => toolCallJson(call, signatureOf(call.id, parts))),
  );
}

function signatureOf(id: string, parts: readonly ContentPart[]): string {
  for (const { part, signedBy } of parts)
    if (part.case === 'toolCall' && part.value.id === id) return callSignature(part.value.signature, signedBy);
  return '';
}

/**
 * What an answer has beyond plain fields, where OpenAI's (and OpenRouter's) clients look for it, and the whole order
 * in `parts` where it could not be told from those members.
 */
function partsMembers(parts: readonly ContentPart[], message: Message): string {
  const details: string[] = [];
  const annotations: string[] = [];
  const images: string[] = [];
  let audio = '';
  parts.forEach((whole, i) => {
    const { part, extra, signedBy } = whole;
    if (part.case === 'reasoning') details.push(reasoningDetailJson(part.value, whole, i));
    else if (part.case === 'text') annotations.push(...part.value.citations.map(citationJson));
    else if (part.case === 'image')
      images.push(object(`"index":${images.length},${imageMembers(part.value)}${signedByMember(signedBy)}`));
    else if (part.case === 'audio') audio = object(audioMembers(part.value) + extraMembers(extra, audioOwn));
  });
  return (
    listMember('reasoning_details', details) +
    listMember('annotations', annotations) +
    listMember('images', images) +
    (audio === '' ? '' : `"audio":${audio},`) +
    orderMember(message)
  );
}

/** `parts`, the whole order, where it could not be told from the other members. */
export const orderMember = (message: Message): string =>
  isCanonical(message.parts, message)
    ? ''
    : listMember(
        'parts',
        message.parts.map((part) => partJson(part)),
      );

export const audioOwn = new Set(['data', 'format', 'transcript', 'expires_at', 'url']);

/** Where each kind stands in the order that the plain members imply. */
const rank: Readonly<Record<string, number>> = { reasoning: 0, text: 1, image: 2, audio: 3, toolCall: 4 };

/** Whether reading the plain members back gives these very parts. */
function isCanonical(parts: readonly ContentPart[], message: Message): boolean {
  let last = 0;
  let texts = 0;
  let sounds = 0;
  let calls = 0;
  for (const { part, extra, cacheControl } of parts) {
    const place = part.case === undefined ? undefined : rank[part.case];
    if (place === undefined || place < last || cacheControl !== undefined) return false;
    last = place;
    if (part.case === 'reasoning') continue;
    if (part.case !== 'audio' && Object.keys(extra).length > 0) return false;
    if (part.case === 'text' && (++texts > 1 || part.value.signature.length > 0 || part.value.text !== message.content))
      return false;
    if (part.case === 'audio' && ++sounds > 1) return false;
    if (part.case === 'toolCall' && part.value.id !== message.toolCalls[calls++]?.id) return false;
  }
  return texts > 0 || message.content === '';
}
