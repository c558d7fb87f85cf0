import type { CacheControl } from '../../../gen/es/llmbridge/v1/cache_control_pb.ts';
import { type ContentPart, type Message, Role } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { type ToolCall, ToolCallType } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import { type JsonInput, RawJson, toJson } from '../../kernel/json-text.ts';
import type { Notes } from './notes.ts';
import { rawObject } from './raw-object.ts';

/** How a dialect with turns of blocks (Anthropic, Bedrock) writes what a message holds. `path` is for notes. */
export interface BlockDialect<B> {
  text(text: string): B;
  /** A part that is no tool call; undefined for one that says nothing or cannot be carried, the latter with a note. */
  part(part: ContentPart, path: string): B | undefined;
  /** `mark` is the part that tells the call's place, where there is one. */
  call(call: ToolCall, path: string, mark?: ContentPart): B;
  /** A tool's result. */
  result(message: Message, callId: string, content: B[], path: string): B[];
  /** Whether the system prompt takes such a block. */
  inSystem(block: B): boolean;
  /** Ends a prefix to be cached with the last of `blocks`. */
  mark(blocks: B[], mark: CacheControl): void;
  /** Reasoning as plain text; undefined where the provider takes none. */
  reasoning(text: string, path: string): B | undefined;
}

export interface Turn<B> {
  readonly role: 'user' | 'assistant';
  readonly content: B[];
}

/** Such a dialect's two places for a conversation. */
export interface Conversation<B> {
  readonly system: readonly B[];
  readonly turns: readonly Turn<B>[];
}

/**
 * Messages as system blocks and turns that alternate: neighbours of one role become one turn, tool results are the
 * user's, and instructions amid the conversation move to the system prompt.
 */
export function conversation<B>(messages: readonly Message[], dialect: BlockDialect<B>, notes: Notes): Conversation<B> {
  const system: B[] = [];
  const turns: Turn<B>[] = [];
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i];
    if (message === undefined) continue;
    const path = `messages[${i}]`;
    if (message.name !== '' && message.role !== Role.FUNCTION) notes.dropped(`${path}.name`);
    const isResult = message.role === Role.TOOL || message.role === Role.FUNCTION;
    if (!isResult) for (const provider in message.extra) notes.dropped(`${path}.extra.${provider}`);
    if (message.role === Role.SYSTEM || message.role === Role.DEVELOPER) {
      if (turns.length > 0) notes.mapped(`${path}.role`, 'moved to the system prompt');
      system.push(...systemBlocks(message, path, dialect, notes));
      continue;
    }
    const assistant = message.role === Role.ASSISTANT;
    let blocks = assistant ? assistantBlocks(message, path, dialect) : contentBlocks(message, path, dialect);
    if (isResult) {
      blocks = dialect.result(message, message.toolCallId || callIdOf(message.name, messages, i), blocks, path);
    }
    if (blocks.length === 0) continue;
    if (message.cacheControl) dialect.mark(blocks, message.cacheControl);
    const role = assistant ? 'assistant' : 'user';
    const last = turns.at(-1);
    if (last?.role === role) last.content.push(...blocks);
    else turns.push({ role, content: blocks });
  }
  return { system, turns };
}

function systemBlocks<B>(message: Message, path: string, dialect: BlockDialect<B>, notes: Notes): B[] {
  const blocks = contentBlocks(message, path, dialect);
  const texts = blocks.filter((block) => dialect.inSystem(block));
  if (texts.length < blocks.length) notes.dropped(`${path}.parts`, 'the system prompt takes text alone');
  if (message.cacheControl && texts.length > 0) dialect.mark(texts, message.cacheControl);
  return texts;
}

function contentBlocks<B>(message: Message, path: string, dialect: BlockDialect<B>): B[] {
  if (message.parts.length === 0) return message.content === '' ? [] : [dialect.text(message.content)];
  const blocks: B[] = [];
  message.parts.forEach((part, index) => {
    addPart(blocks, part, dialect.part(part, `${path}.parts[${index}]`), dialect);
  });
  return blocks;
}

/** Reasoning first, then text, then calls, unless parts tell another order. */
function assistantBlocks<B>(message: Message, path: string, dialect: BlockDialect<B>): B[] {
  const blocks: B[] = [];
  const told = new Set<ToolCall>();
  if (message.parts.length === 0) {
    const reasoning =
      message.reasoningContent === ''
        ? undefined
        : dialect.reasoning(message.reasoningContent, `${path}.reasoning_content`);
    if (reasoning !== undefined) blocks.push(reasoning);
    if (message.content !== '') blocks.push(dialect.text(message.content));
    if (message.refusal !== '') blocks.push(dialect.text(message.refusal));
  }
  message.parts.forEach((part, index) => {
    const { value, case: kind } = part.part;
    const call = kind === 'toolCall' ? message.toolCalls.find(({ id }) => id === value.id) : undefined;
    if (call === undefined) {
      addPart(blocks, part, dialect.part(part, `${path}.parts[${index}]`), dialect);
    } else if (!told.has(call)) {
      told.add(call);
      const callPath = `${path}.tool_calls[${message.toolCalls.indexOf(call)}]`;
      addPart(blocks, part, dialect.call(call, callPath, part), dialect);
    }
  });
  message.toolCalls.forEach((call, index) => {
    if (!told.has(call)) blocks.push(dialect.call(call, `${path}.tool_calls[${index}]`));
  });
  return blocks;
}

function addPart<B>(blocks: B[], part: ContentPart, block: B | undefined, dialect: BlockDialect<B>): void {
  if (block === undefined) return;
  blocks.push(block);
  if (part.cacheControl) dialect.mark(blocks, part.cacheControl);
}

/** A call's arguments as they were written; what is no JSON object, such as a free-text tool's input, is wrapped in one. */
export function argumentsOf(call: ToolCall, path: string, notes: Notes): RawJson {
  const raw = call.type === ToolCallType.CUSTOM ? undefined : rawObject(call.arguments || '{}');
  if (raw !== undefined) return raw;
  notes.mapped(`${path}.arguments`, 'wrapped as {"input": ...}');
  return new RawJson(toJson({ input: call.arguments }));
}

/** The id of the latest call of a function, for results that only name it. */
function callIdOf(name: string, messages: readonly Message[], before: number): string {
  for (let i = before - 1; i >= 0; i--) {
    const call = messages[i]?.toolCalls.findLast((candidate) => candidate.name === name);
    if (call) return call.id;
  }
  return '';
}

/** An object of JSON members to be written. */
export type JsonMembers = { [member: string]: JsonInput };
