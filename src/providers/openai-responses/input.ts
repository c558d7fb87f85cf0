import { type Message, Role } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import { type ToolCall, ToolCallType } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import type { JsonInput } from '../../kernel/json-text.ts';
import type { Notes } from '../shared/notes.ts';
import { withExtra } from '../shared/own-blocks.ts';
import type { JsonMembers } from '../shared/turns.ts';
import { AssistantItems } from './assistant-items.ts';
import { type Block, inputBlock, isItem } from './content.ts';
import { dialect } from './dialect.ts';

/** What a provider's conversations depend on. */
export interface InputOptions {
  /** The provider's type, under which its own blocks may stand. */
  readonly type: string;
  /** The name of the developer's role. */
  readonly developerRole: 'developer' | 'system';
  /** Whether the provider keeps exchanges. */
  readonly stored: boolean;
}

/** The conversation as input items, in order. */
export function inputItems(messages: readonly Message[], options: InputOptions, notes: Notes): Block[] {
  const items: Block[] = [];
  for (const [index, message] of messages.entries()) {
    const path = `messages[${index}]`;
    if (message.cacheControl !== undefined) {
      notes.dropped(`${path}.cache_control`, 'the provider caches by itself');
    }
    const isResult = message.role === Role.TOOL || message.role === Role.FUNCTION;
    if (message.name !== '' && message.role !== Role.FUNCTION) notes.dropped(`${path}.name`);
    if (isResult) {
      items.push(...resultItems(message, callOf(message, messages, index), path, options, notes));
    } else if (message.role === Role.ASSISTANT) {
      const turn = new AssistantItems(path, options.type, options.stored, notes);
      turn.add(message);
      items.push(...turn.items);
    } else {
      items.push(...messageItems(message, path, options, notes));
    }
  }
  return items;
}

function roleOf(role: Role, options: InputOptions): string {
  if (role === Role.SYSTEM) return 'system';
  return role === Role.DEVELOPER ? options.developerRole : 'user';
}

/** A message; the provider's own items among its parts stand beside it. */
function messageItems(message: Message, path: string, options: InputOptions, notes: Notes): Block[] {
  const role = roleOf(message.role, options);
  if (message.parts.length === 0) {
    return [withExtra({ role, content: message.content }, message.extra, dialect, path, notes)];
  }
  const items: Block[] = [];
  let content: JsonInput[] | undefined;
  for (const [index, part] of message.parts.entries()) {
    const block = inputBlock(part, `${path}.parts[${index}]`, options.type, notes);
    if (block === undefined) continue;
    if (isItem(block)) {
      items.push(block);
      content = undefined;
    } else if (content === undefined) {
      content = [block];
      items.push(withExtra({ role, content }, message.extra, dialect, path, notes));
    } else content.push(block);
  }
  return items;
}

/** The result of a call, of the kind that the call was of. */
function resultItems(
  message: Message,
  call: ToolCall | undefined,
  path: string,
  options: InputOptions,
  notes: Notes,
): Block[] {
  if (message.isError === true) notes.dropped(`${path}.is_error`, 'the result is sent as it is');
  const type = call?.type === ToolCallType.CUSTOM ? 'custom_tool_call_output' : 'function_call_output';
  const item: JsonMembers = { type, call_id: message.toolCallId || (call?.id ?? ''), output: message.content };
  const items: Block[] = [];
  const output: JsonInput[] = [];
  for (const [index, part] of message.parts.entries()) {
    const block = inputBlock(part, `${path}.parts[${index}]`, options.type, notes);
    if (block === undefined) continue;
    // Results of the provider's own tools that the caller runs have items of their own.
    if (isItem(block)) items.push(block);
    else output.push(block);
  }
  if (items.length > 0 && output.length === 0) return items;
  if (message.parts.length > 0) item['output'] = plainText(output) ?? output;
  return [withExtra(item, message.extra, dialect, path, notes), ...items];
}

/** A text that is all there is, as a string: not every server takes lists. */
function plainText(output: readonly JsonInput[]): JsonInput {
  const [only, ...more] = output as readonly JsonMembers[];
  if (only === undefined) return '';
  return more.length === 0 && only['type'] === 'input_text' && Object.keys(only).length === 2
    ? only['text']
    : undefined;
}

/** The call that a result answers: by its id, or the latest of the function's name. */
function callOf({ toolCallId, name }: Message, messages: readonly Message[], before: number): ToolCall | undefined {
  for (let i = before - 1; i >= 0; i--) {
    const call = messages[i]?.toolCalls.findLast((each) =>
      toolCallId === '' ? each.name === name : each.id === toolCallId,
    );
    if (call !== undefined) return call;
  }
  return undefined;
}
