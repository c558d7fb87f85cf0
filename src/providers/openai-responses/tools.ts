import type { ResponseFormat } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { type Tool, ToolChoiceMode } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import { type JsonInput, members, RawJson, valueAt } from '../../kernel/json-text.ts';
import type { ChatRequest } from '../../kernel/messages.ts';
import { schemaOf } from '../shared/function-tool.ts';
import type { Notes } from '../shared/notes.ts';
import { withExtra } from '../shared/own-blocks.ts';
import { rawObject } from '../shared/raw-object.ts';
import { type Block, ownBlock } from './content.ts';
import { dialect } from './dialect.ts';

/** The body's `tools`; undefined for none. */
export function toolsOf(request: ChatRequest, type: string, custom: boolean, notes: Notes): Block[] | undefined {
  const tools: Block[] = [];
  for (const [index, tool] of request.tools.entries()) {
    const path = `tools[${index}]`;
    const block = toolBlock(tool, path, type, custom, notes);
    if (block === undefined) continue;
    if (tool.cacheControl) notes.dropped(`${path}.cache_control`, 'the provider caches by itself');
    tools.push(block instanceof RawJson ? block : withExtra(block, tool.extra, dialect, path, notes));
  }
  return tools.length > 0 ? tools : undefined;
}

function toolBlock({ tool }: Tool, path: string, type: string, custom: boolean, notes: Notes): Block | undefined {
  switch (tool.case) {
    case 'function': {
      const { name, description, strict } = tool.value;
      return {
        type: 'function',
        name,
        description: description || undefined,
        parameters: schemaOf(tool, path, notes),
        // Left out it would mean true here.
        strict: strict ?? false,
      };
    }
    case 'custom': {
      if (!custom) {
        notes.dropped(path, 'only functions can be called');
        return undefined;
      }
      const { name, description, format } = tool.value;
      return { type: 'custom', name, description: description || undefined, format: formatOf(format, path, notes) };
    }
    case 'native':
      return ownBlock(tool.value, path, type, notes);
    default:
      return undefined;
  }
}

/** A custom tool's format: Chat Completions wraps a grammar once more. */
function formatOf(format: string, path: string, notes: Notes): RawJson | undefined {
  if (format === '') return undefined;
  const raw = rawObject(format);
  if (raw === undefined) notes.dropped(`${path}.custom.format`, 'not a JSON object');
  const grammar = raw === undefined ? undefined : valueAt(raw.text, ['grammar']);
  if (grammar === undefined || !grammar.startsWith('{')) return raw;
  const fields = [...members(grammar)].map(([name, value]) => `${JSON.stringify(name)}:${value}`);
  return new RawJson(`{${['"type":"grammar"', ...fields].join(',')}}`);
}

const modes: Readonly<Record<number, string>> = {
  [ToolChoiceMode.AUTO]: 'auto',
  [ToolChoiceMode.NONE]: 'none',
  [ToolChoiceMode.REQUIRED]: 'required',
};

/** The body's `tool_choice`. */
export function toolChoiceOf({ toolChoice: choice, tools }: ChatRequest, notes: Notes): JsonInput {
  if (choice === undefined) return undefined;
  if (choice.native !== '') {
    const raw = rawObject(choice.native);
    if (raw === undefined) notes.dropped('tool_choice.native', 'not a JSON object');
    else return raw;
  }
  const named = (name: string): JsonInput => {
    const custom = tools.some(({ tool }) => tool.case === 'custom' && tool.value.name === name);
    return { type: custom ? 'custom' : 'function', name };
  };
  if (choice.name !== '') return named(choice.name);
  const mode = modes[choice.mode];
  return choice.allowed.length > 0
    ? { type: 'allowed_tools', mode: mode ?? 'auto', tools: choice.allowed.map(named) }
    : mode;
}

/** The body's `text.format`. */
export function textFormatOf(format: ResponseFormat | undefined, notes: Notes): JsonInput {
  switch (format?.format.case) {
    case 'text':
      return { type: 'text' };
    case 'jsonObject':
      return { type: 'json_object' };
    case 'jsonSchema': {
      const { name, description, schema, strict } = format.format.value;
      const raw = rawObject(schema);
      if (raw === undefined) {
        notes.mapped('response_format.json_schema', 'any JSON: the schema is not a JSON object');
        return { type: 'json_object' };
      }
      return {
        type: 'json_schema',
        name: name || 'response',
        description: description || undefined,
        schema: raw,
        strict,
      };
    }
    case 'grammar':
      notes.dropped('response_format.grammar', 'grammars are for tools here');
      return undefined;
    default:
      return undefined;
  }
}
