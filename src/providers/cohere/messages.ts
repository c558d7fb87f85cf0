import { type ContentPart, type Message, Role } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { type ToolCall, ToolCallType } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import { type JsonInput, members, RawJson } from '../../kernel/json-text.ts';
import type { JsonObject } from '../shared/json-body.ts';
import { base64, dataUrl, sniffImage } from '../shared/media.ts';
import type { Notes } from '../shared/notes.ts';
import { nativeBlock, nativeCitations, withExtra } from '../shared/own-blocks.ts';
import { roleName } from '../shared/roles.ts';
import { argumentsOf, type JsonMembers } from '../shared/turns.ts';
import { dialect } from './dialect.ts';

/** What an assistant's message holds beside its content. */
interface Beside {
  plan: RawJson | undefined;
  readonly citations: RawJson[];
}

/** The body's `messages` (Cohere's API, "Chat", version 2). */
export const messagesOf = (messages: readonly Message[], notes: Notes): JsonInput =>
  messages.map((message, index) => {
    const path = `messages[${index}]`;
    const isResult = message.role === Role.TOOL || message.role === Role.FUNCTION;
    if (message.name !== '' && !isResult) notes.dropped(`${path}.name`);
    if (message.isError !== undefined) notes.dropped(`${path}.is_error`);
    if (message.cacheControl) notes.mapped(`${path}.cache_control`, 'the provider caches by itself');
    const beside: Beside = { plan: undefined, citations: [] };
    const content =
      message.role === Role.ASSISTANT
        ? answerOf(message, beside, path, notes)
        : contentOf(message, beside, path, notes);
    const body: JsonMembers = {
      role: roleName(message.role),
      tool_plan: beside.plan,
      content,
      tool_calls:
        message.toolCalls.length > 0
          ? message.toolCalls.map((call, nth) => callOf(call, `${path}.tool_calls[${nth}]`, notes))
          : undefined,
      citations: beside.citations.length > 0 ? beside.citations : undefined,
      tool_call_id: message.toolCallId || undefined,
    };
    return withExtra(body, message.extra, dialect, path, notes);
  });

function callOf(call: ToolCall, path: string, notes: Notes): JsonInput {
  const text = call.type === ToolCallType.CUSTOM ? argumentsOf(call, path, notes).text : call.arguments || '{}';
  const made = { id: call.id, type: 'function', function: { name: call.name, arguments: text } };
  return withExtra(made, call.extra, dialect, path, notes);
}

const contentOf = (message: Message, beside: Beside, path: string, notes: Notes): JsonInput =>
  message.parts.length === 0 ? message.content : blocksOf(message.parts, beside, path, notes);

/** The assistant's content comes in blocks and goes back in them; undefined for a message of calls alone. */
function answerOf(message: Message, beside: Beside, path: string, notes: Notes): JsonInput {
  const blocks = blocksOf(message.parts, beside, path, notes);
  if (message.parts.length === 0) {
    if (message.reasoningContent !== '') blocks.push({ type: 'thinking', thinking: message.reasoningContent });
    const text = message.content || message.refusal;
    if (text !== '') blocks.push({ type: 'text', text });
  }
  return blocks.length > 0 ? blocks : undefined;
}

function blocksOf(parts: readonly ContentPart[], beside: Beside, path: string, notes: Notes): JsonInput[] {
  const blocks: JsonInput[] = [];
  parts.forEach((part, index) => {
    const place = `${path}.parts[${index}]`;
    if (part.cacheControl) notes.mapped(`${place}.cache_control`, 'the provider caches by itself');
    const block = blockOf(part, beside, place, notes);
    if (block === undefined) return;
    blocks.push(block instanceof RawJson ? block : withExtra(block, part.extra, dialect, place, notes));
  });
  return blocks;
}

/** A part as a block; undefined for one that says nothing, stands elsewhere or cannot be carried. */
function blockOf({ part }: ContentPart, beside: Beside, path: string, notes: Notes): JsonMembers | RawJson | undefined {
  switch (part.case) {
    case 'text':
      beside.citations.push(...nativeCitations(part.value.citations, isCitation, path, notes));
      return part.value.text === '' ? undefined : { type: 'text', text: part.value.text };
    case 'refusal':
      return part.value.refusal === '' ? undefined : { type: 'text', text: part.value.refusal };
    case 'reasoning':
      if (part.value.text === '') {
        if (part.value.redacted !== '') notes.dropped(`${path}.reasoning`, 'reasoning of another provider');
        return undefined;
      }
      return { type: 'thinking', thinking: part.value.text };
    case 'image': {
      const url = imageUrl(part.value.source, part.value.mediaType);
      if (url === undefined) notes.dropped(`${path}.image`, 'the provider takes bytes or a URL');
      return url === undefined
        ? undefined
        : { type: 'image_url', image_url: { url, detail: part.value.detail || undefined } };
    }
    case 'native': {
      const raw = nativeBlock(part.value, dialect, path, notes);
      const plan = raw && members(raw.text).get('tool_plan');
      if (plan === undefined) return raw;
      beside.plan = new RawJson(plan);
      return undefined;
    }
    case 'audio':
    case 'video':
      notes.dropped(`${path}.${part.case}`, `the provider takes no ${part.case}`);
      return undefined;
    case 'file':
      notes.dropped(`${path}.file`, 'documents go in extra, as "documents"');
      return undefined;
    default:
      return undefined;
  }
}

type Source = { case: string | undefined; value?: Uint8Array | string | undefined };

function imageUrl({ case: kind, value }: Source, mediaType: string): string | undefined {
  if (value instanceof Uint8Array) {
    return `data:${mediaType || sniffImage(value) || 'image/png'};base64,${base64(value)}`;
  }
  if (kind !== 'url' || typeof value !== 'string') return undefined;
  return dataUrl(value)?.mediaType === '' ? value.replace(/^data:/i, 'data:image/png') : value;
}

const isCitation = (citation: JsonObject): boolean => 'sources' in citation;
