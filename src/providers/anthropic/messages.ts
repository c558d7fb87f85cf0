import { type ContentPart, type Message, Role } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { type ToolCall, ToolCallType } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import { type JsonInput, RawJson } from '../../kernel/json-text.ts';
import type { Notes } from '../shared/notes.ts';
import { rawObject } from '../shared/raw-object.ts';
import { type Block, blockOf, marked, withExtra } from './content.ts';

interface Turn {
  readonly role: 'user' | 'assistant';
  readonly content: Block[];
}

/** The dialect's two places for a conversation. */
export interface Conversation {
  readonly system: readonly Block[];
  readonly turns: readonly Turn[];
}

/**
 * Messages as system blocks and turns that alternate: neighbours of one role become one turn, tool results are the
 * user's, and instructions amid the conversation move to the system prompt.
 */
export function conversation(messages: readonly Message[], notes: Notes): Conversation {
  const system: Block[] = [];
  const turns: Turn[] = [];
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i];
    if (message === undefined) continue;
    const path = `messages[${i}]`;
    if (message.name !== '' && message.role !== Role.FUNCTION) notes.dropped(`${path}.name`);
    switch (message.role) {
      case Role.SYSTEM:
      case Role.DEVELOPER:
        if (turns.length > 0) notes.mapped(`${path}.role`, 'moved to the system prompt');
        system.push(...withMark(message, textOnly(contentBlocks(message, path, notes), path, notes)));
        break;
      case Role.ASSISTANT:
        append(turns, 'assistant', withMark(message, assistantBlocks(message, path, notes)));
        break;
      case Role.TOOL:
      case Role.FUNCTION:
        append(turns, 'user', [toolResult(message, messages, i, notes)]);
        break;
      default:
        append(turns, 'user', withMark(message, contentBlocks(message, path, notes)));
    }
    if (message.role !== Role.TOOL) for (const provider in message.extra) notes.dropped(`${path}.extra.${provider}`);
  }
  return { system, turns };
}

function append(turns: Turn[], role: Turn['role'], blocks: readonly Block[]): void {
  if (blocks.length === 0) return;
  const last = turns.at(-1);
  if (last?.role === role) last.content.push(...blocks);
  else turns.push({ role, content: [...blocks] });
}

function contentBlocks(message: Message, path: string, notes: Notes): Block[] {
  if (message.parts.length === 0) return message.content === '' ? [] : [{ type: 'text', text: message.content }];
  const blocks: Block[] = [];
  message.parts.forEach((part, index) => {
    const block = blockOf(part, `${path}.parts[${index}]`, notes);
    if (block) blocks.push(block);
  });
  return blocks;
}

/** The system prompt takes text alone. */
function textOnly(blocks: readonly Block[], path: string, notes: Notes): Block[] {
  const texts = blocks.filter((block) => block instanceof RawJson || block['type'] === 'text');
  if (texts.length < blocks.length) notes.dropped(`${path}.parts`, 'the system prompt takes text alone');
  return texts;
}

/** Reasoning first, then text, then calls, unless parts tell another order. */
function assistantBlocks(message: Message, path: string, notes: Notes): Block[] {
  const blocks: Block[] = [];
  const told = new Set<ToolCall>();
  if (message.parts.length === 0) {
    if (message.reasoningContent !== '')
      notes.dropped(`${path}.reasoning_content`, 'without the provider’s own signature');
    if (message.content !== '') blocks.push({ type: 'text', text: message.content });
    if (message.refusal !== '') blocks.push({ type: 'text', text: message.refusal });
  }
  message.parts.forEach((part, index) => {
    const at = `${path}.parts[${index}]`;
    const call = markedCall(part, message);
    if (call === undefined) {
      const block = blockOf(part, at, notes);
      if (block) blocks.push(block);
    } else if (!told.has(call)) {
      told.add(call);
      blocks.push(marked(callBlock(call, path, notes), part.cacheControl));
    }
  });
  for (const call of message.toolCalls) if (!told.has(call)) blocks.push(callBlock(call, path, notes));
  return blocks;
}

function markedCall({ part }: ContentPart, message: Message): ToolCall | undefined {
  return part.case === 'toolCall' ? message.toolCalls.find(({ id }) => id === part.value.id) : undefined;
}

/** Arguments go as they were written; what is no JSON object, such as a free-text tool's input, is wrapped in one. */
function callBlock(call: ToolCall, path: string, notes: Notes): Block {
  const at = `${path}.tool_calls[${call.id}]`;
  const free = call.type === ToolCallType.CUSTOM;
  let input: JsonInput = free ? undefined : rawObject(call.arguments || '{}');
  if (input === undefined) {
    input = { input: call.arguments };
    notes.mapped(`${at}.arguments`, 'wrapped as {"input": ...}');
  }
  return withExtra({ type: 'tool_use', id: call.id, name: call.name, input }, call.extra, at, notes);
}

function toolResult(message: Message, messages: readonly Message[], index: number, notes: Notes): Block {
  const path = `messages[${index}]`;
  const content = contentBlocks(message, path, notes);
  const block: Block = {
    type: 'tool_result',
    tool_use_id: message.toolCallId || callIdOf(message.name, messages, index),
    content: message.parts.length === 0 ? message.content || undefined : content.length > 0 ? content : undefined,
    is_error: message.isError,
  };
  return marked(withExtra(block, message.extra, path, notes), message.cacheControl);
}

/** The id of the latest call of a function, for results that only name it. */
function callIdOf(name: string, messages: readonly Message[], before: number): string {
  for (let i = before - 1; i >= 0; i--) {
    const call = messages[i]?.toolCalls.findLast((candidate) => candidate.name === name);
    if (call) return call.id;
  }
  return '';
}

/** A message's own cache mark stands on its last block that can carry one. */
function withMark(message: Message, blocks: Block[]): Block[] {
  if (message.cacheControl === undefined) return blocks;
  const at = blocks.findLastIndex((block) => block instanceof RawJson || !/thinking$/.test(String(block['type'])));
  const block = blocks[at];
  if (block) blocks[at] = marked(block, message.cacheControl);
  return blocks;
}
