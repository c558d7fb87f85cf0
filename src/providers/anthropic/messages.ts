import { type JsonInput, RawJson } from '../../kernel/json-text.ts';
import type { Notes } from '../shared/notes.ts';
import { withExtra } from '../shared/own-blocks.ts';
import { argumentsOf, type BlockDialect, type JsonMembers } from '../shared/turns.ts';
import { type Block, blockOf, marked } from './content.ts';
import { dialect } from './dialect.ts';

/** A block's type; '' for one of the provider's own that came as text. */
export const typeOf = (block: Block | undefined): string =>
  block === undefined || block instanceof RawJson ? '' : String(block['type']);

/** How Anthropic writes messages ("Create a Message", `messages`). */
export const blockDialect = (notes: Notes): BlockDialect<Block> => ({
  text: (text) => ({ type: 'text', text }),
  part: (part, path) => blockOf(part, path, notes),
  call: (call, path) => {
    const input = argumentsOf(call, path, notes);
    return withExtra({ type: 'tool_use', id: call.id, name: call.name, input }, call.extra, dialect, path, notes);
  },
  result: (message, callId, content, path) => {
    const block: JsonMembers = {
      type: 'tool_result',
      tool_use_id: callId,
      content:
        message.parts.length === 0
          ? message.content || undefined
          : content.length > 0
            ? (content as JsonInput)
            : undefined,
      is_error: message.isError,
    };
    return [withExtra(block, message.extra, dialect, path, notes)];
  },
  inSystem: (block) => block instanceof RawJson || block['type'] === 'text',
  /** Thinking cannot carry a mark. */
  mark: (blocks, mark) => {
    const at = blocks.findLastIndex((block) => !/thinking$/.test(typeOf(block)));
    const block = blocks[at];
    if (block) blocks[at] = marked(block, mark);
  },
  reasoning: (_, path) => {
    notes.dropped(path, 'without the provider’s own signature');
    return undefined;
  },
});
