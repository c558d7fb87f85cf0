import { type ContentPart, type Message, Role } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { type ToolCall, ToolCallType } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import type { JsonInput } from '../../kernel/json-text.ts';
import type { Notes } from '../shared/notes.ts';
import { knownPart } from '../shared/signed-part.ts';
import { withExtra } from './encode-extra.ts';
import { PartEncoder } from './encode-parts.ts';
import { encodeCacheControl } from './encode-tools.ts';
import type { Body, Quirks } from './provider.ts';

const roles: Readonly<Record<number, string>> = {
  [Role.SYSTEM]: 'system',
  [Role.DEVELOPER]: 'developer',
  [Role.USER]: 'user',
  [Role.ASSISTANT]: 'assistant',
  [Role.TOOL]: 'tool',
  [Role.FUNCTION]: 'function',
};

/** The conversation in Chat Completions' form. */
export const encodeMessages = (messages: readonly Message[], type: string, quirks: Quirks, notes: Notes): JsonInput[] =>
  messages.map((message, i) => encodeMessage(message, `messages[${i}]`, type, quirks, notes));

function encodeMessage(message: Message, path: string, type: string, quirks: Quirks, notes: Notes): JsonInput {
  const developer = message.role === Role.DEVELOPER && quirks.developerRole === 'system';
  const encoded: Body = { role: developer ? 'system' : roles[message.role] };
  encoded['content'] = encodeContent(message, path, type, quirks, notes);
  if (message.name !== '') {
    if (quirks.names === false) notes.dropped(`${path}.name`);
    else encoded['name'] = message.name;
  }
  if (message.toolCallId !== '') encoded['tool_call_id'] = message.toolCallId;
  if (message.isError === true) notes.dropped(`${path}.is_error`, 'the result is sent as it is');
  if (message.role === Role.ASSISTANT) encodeAssistant(message, encoded, path, type, quirks, notes);
  return withExtra(encoded, message.extra, type);
}

function encodeContent(message: Message, path: string, type: string, quirks: Quirks, notes: Notes): JsonInput {
  const mark = message.cacheControl;
  if (mark !== undefined && !quirks.cacheControl)
    notes.dropped(`${path}.cache_control`, 'the provider caches by itself');
  const marked = mark !== undefined && quirks.cacheControl === true;
  const encoder = new PartEncoder(type, quirks, notes);
  const encoded: Body[] = [];
  for (const [i, part] of message.parts.entries()) {
    // Sound of the assistant's is named by its id, beside the content.
    if (message.role === Role.ASSISTANT && part.part.case === 'audio' && idOf(part, type) !== undefined) continue;
    const piece = encoder.encode(part, `${path}.parts[${i}]`);
    if (piece !== undefined) encoded.push(piece);
  }
  if (marked && message.parts.length === 0) encoded.push({ type: 'text', text: message.content });
  const last = encoded.at(-1);
  if (marked && last !== undefined) last['cache_control'] = encodeCacheControl(mark);
  if (message.parts.length === 0 && encoded.length === 0) {
    const silent = message.role === Role.ASSISTANT && message.content === '';
    return silent && (message.toolCalls.length > 0 || message.refusal !== '') ? null : message.content;
  }
  if (encoded.length === 0) return message.role === Role.ASSISTANT && message.toolCalls.length > 0 ? null : '';
  // Plain text is sent plain: not every server of the family takes lists, least of all from the assistant.
  if (message.role !== Role.USER && encoded.every(isPlainText)) return encoded.map((part) => part['text']).join('');
  return encoded as JsonInput[];
}

const isPlainText = (part: Body): boolean => part['type'] === 'text' && Object.keys(part).length === 2;

function encodeAssistant(
  message: Message,
  encoded: Body,
  path: string,
  type: string,
  quirks: Quirks,
  notes: Notes,
): void {
  if (message.toolCalls.length > 0) encoded['tool_calls'] = message.toolCalls.map((call) => encodeCall(call, type));
  if (message.refusal !== '') encoded['refusal'] = message.refusal;
  const audio = message.parts.find((part) => part.part.case === 'audio');
  const audioId = audio && idOf(audio, type);
  if (audioId !== undefined) encoded['audio'] = { id: audioId };
  encodeReasoning(message, encoded, path, type, quirks, notes);
}

/** The id of sound that the provider made earlier. */
function idOf(part: ContentPart, type: string): string | undefined {
  if (part.part.case === 'audio' && part.part.value.source.case === 'id') return part.part.value.source.value;
  const json = part.extra[type];
  const id: unknown = json === undefined ? undefined : (JSON.parse(json) as { id?: unknown }).id;
  return typeof id === 'string' ? id : undefined;
}

function encodeReasoning(
  message: Message,
  encoded: Body,
  path: string,
  type: string,
  quirks: Quirks,
  notes: Notes,
): void {
  const details: JsonInput[] = [];
  let words = message.parts.length > 0 ? '' : message.reasoningContent;
  for (const [i, told] of message.parts.entries()) {
    const part = quirks.reasoningDetails ? knownPart(told, new Set([type]), `${path}.parts[${i}]`, notes) : told;
    if (part.part.case !== 'reasoning') continue;
    const { text, signature, redacted, id, summary } = part.part.value;
    words += text;
    const kind = redacted !== '' ? 'encrypted' : summary ? 'summary' : 'text';
    details.push(
      withExtra(
        {
          type: `reasoning.${kind}`,
          id: id || undefined,
          data: redacted || undefined,
          [kind === 'summary' ? 'summary' : 'text']: text || undefined,
          signature: signature || undefined,
          index: details.length,
        },
        part.extra,
        type,
      ),
    );
  }
  if (quirks.reasoningDetails && details.length > 0) encoded['reasoning_details'] = details;
  else if (quirks.reasoningField === 'thinking blocks' && words !== '') {
    const thinking: JsonInput = { type: 'thinking', thinking: [{ type: 'text', text: words }] };
    const content = encoded['content'];
    const rest = Array.isArray(content) ? content : content ? [{ type: 'text', text: content }] : [];
    encoded['content'] = [thinking, ...rest];
  } else if (quirks.reasoningField !== undefined && words !== '') encoded[quirks.reasoningField] = words;
  else if (words !== '' || details.length > 0) {
    notes.dropped(`${path}.reasoning_content`, 'the provider takes no reasoning of earlier turns');
  }
}

function encodeCall(call: ToolCall, type: string): JsonInput {
  const encoded: Body =
    call.type === ToolCallType.CUSTOM
      ? { id: call.id, type: 'custom', custom: { name: call.name, input: call.arguments } }
      : { id: call.id, type: 'function', function: { name: call.name, arguments: call.arguments || '{}' } };
  return withExtra(encoded, call.extra, type);
}
