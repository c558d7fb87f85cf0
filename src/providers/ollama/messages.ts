import { type ContentPart, type Message, Role } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import type { ToolCall } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import type { JsonInput } from '../../kernel/json-text.ts';
import { isMadeCallId, nameOfCall } from '../shared/call-ids.ts';
import { base64, dataUrl } from '../shared/media.ts';
import type { Notes } from '../shared/notes.ts';
import { withExtra } from '../shared/own-blocks.ts';
import { roleName } from '../shared/roles.ts';
import { argumentsOf, type JsonMembers } from '../shared/turns.ts';
import { dialect } from './dialect.ts';

/** The body's `messages`: one text each, with pictures and calls beside it. */
export function messagesOf(messages: readonly Message[], notes: Notes): JsonInput {
  return messages.map((message, index) => {
    const path = `messages[${index}]`;
    const isResult = message.role === Role.TOOL || message.role === Role.FUNCTION;
    if (message.name !== '' && !isResult) notes.dropped(`${path}.name`);
    if (message.isError !== undefined) notes.dropped(`${path}.is_error`);
    if (message.cacheControl) notes.mapped(`${path}.cache_control`, 'the provider caches by itself');
    const body: JsonMembers = {
      role: roleName(message.role),
      ...contentOf(message, path, notes),
      tool_calls:
        message.toolCalls.length > 0
          ? message.toolCalls.map((call, nth) => callOf(call, nth, `${path}.tool_calls[${nth}]`, notes))
          : undefined,
      tool_name: isResult ? message.name || nameOfCall(message.toolCallId, messages) || undefined : undefined,
      tool_call_id: idOf(message.toolCallId),
    };
    return withExtra(body, message.extra, dialect, path, notes);
  });
}

/** What was made here for want of an id is not told. */
const idOf = (id: string): string | undefined => (id === '' || isMadeCallId(dialect, id) ? undefined : id);

function callOf(call: ToolCall, index: number, path: string, notes: Notes): JsonInput {
  const made = { index, name: call.name, arguments: argumentsOf(call, path, notes) };
  return withExtra({ id: idOf(call.id), function: made }, call.extra, dialect, path, notes);
}

function contentOf(message: Message, path: string, notes: Notes): JsonMembers {
  if (message.parts.length === 0) {
    return { content: message.content || message.refusal, thinking: message.reasoningContent || undefined };
  }
  let content = '';
  let thinking = '';
  const images: string[] = [];
  message.parts.forEach((part, index) => {
    const place = `${path}.parts[${index}]`;
    if (part.cacheControl) notes.mapped(`${place}.cache_control`, 'the provider caches by itself');
    for (const provider in part.extra) notes.dropped(`${place}.extra.${provider}`);
    if (part.part.case === 'text') content += part.part.value.text;
    else if (part.part.case === 'refusal') content += part.part.value.refusal;
    else if (part.part.case === 'reasoning') thinking += part.part.value.text;
    else if (part.part.case !== 'toolCall') {
      const image = imageOf(part, place, notes);
      if (image !== undefined) images.push(image);
    }
  });
  return { content, thinking: thinking || undefined, images: images.length > 0 ? images : undefined };
}

/** A picture's base64; the provider takes nothing else beside text. */
function imageOf({ part }: ContentPart, path: string, notes: Notes): string | undefined {
  const { case: kind, value } = part;
  const source = kind === 'image' || kind === 'file' ? value.source : undefined;
  const inline = source?.case === 'url' ? dataUrl(source.value) : undefined;
  const type = kind === 'image' ? 'image/' : kind === 'file' ? value.mediaType || inline?.mediaType : undefined;
  if (type?.startsWith('image/')) {
    if (kind === 'image' && value.detail !== '' && value.detail !== 'auto') notes.dropped(`${path}.image.detail`);
    if (inline) return inline.base64;
    if (source?.case === 'data') return base64(source.value);
  }
  notes.dropped(
    `${path}.${kind ?? 'part'}`,
    kind === 'image' ? 'the provider takes bytes alone' : 'the provider takes text and pictures alone',
  );
  return undefined;
}
