import { type Tool, type ToolChoice, ToolChoiceMode } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import { type JsonInput, RawJson } from '../../kernel/json-text.ts';
import type { ChatRequest } from '../../kernel/messages.ts';
import { schemaOf } from '../shared/function-tool.ts';
import type { Notes } from '../shared/notes.ts';
import { withExtra } from '../shared/own-blocks.ts';
import { rawObject } from '../shared/raw-object.ts';
import { type Block, marked } from './content.ts';
import { dialect } from './dialect.ts';

/** The body's `tools`; undefined for none. */
export function toolsOf(request: ChatRequest, notes: Notes): Block[] | undefined {
  const allowed = request.toolChoice?.allowed ?? [];
  const tools: Block[] = [];
  request.tools.forEach((tool, index) => {
    const name = nameOf(tool);
    if (allowed.length > 0 && name !== undefined && !allowed.includes(name)) return;
    const path = `tools[${index}]`;
    const block = toolBlock(tool, path, notes);
    if (block === undefined) return;
    const whole = block instanceof RawJson ? block : withExtra(block, tool.extra, dialect, path, notes);
    tools.push(marked(whole, tool.cacheControl));
  });
  if (allowed.length > 0) notes.mapped('tool_choice.allowed', 'the other tools are left out');
  return tools.length > 0 ? tools : undefined;
}

const nameOf = ({ tool }: Tool): string | undefined =>
  tool.case === 'function' || tool.case === 'custom' ? tool.value.name : undefined;

function toolBlock({ tool }: Tool, path: string, notes: Notes): Block | undefined {
  switch (tool.case) {
    case 'function':
    case 'custom': {
      const { name, description } = tool.value;
      const strict = tool.case === 'function' && tool.value.strict === true ? true : undefined;
      return { name, description: description || undefined, input_schema: schemaOf(tool, path, notes), strict };
    }
    case 'native': {
      const raw =
        tool.value.provider === '' || tool.value.provider === dialect ? rawObject(tool.value.json) : undefined;
      if (raw === undefined) notes.dropped(`${path}.native`, `a tool of ${tool.value.provider || 'no provider'}`);
      return raw;
    }
    default:
      return undefined;
  }
}

/** The body's `tool_choice`; `forced` tells whether some tool must be called. */
export function toolChoiceOf(
  request: ChatRequest,
  hasTools: boolean,
  notes: Notes,
): { choice: JsonInput; forced: boolean } {
  const wanted = request.toolChoice;
  const native = wanted?.native ? rawObject(wanted.native) : undefined;
  if (native) return { choice: native, forced: false };
  if (!hasTools) return { choice: undefined, forced: false };
  const single = request.parallelToolCalls === false;
  const type = choiceType(wanted);
  if (type === 'none') return { choice: { type }, forced: false };
  if (type === undefined && !single) return { choice: undefined, forced: false };
  if (wanted?.native) notes.dropped('tool_choice.native', 'not a JSON object');
  return {
    choice: {
      type: type ?? 'auto',
      name: type === 'tool' ? wanted?.name : undefined,
      disable_parallel_tool_use: single ? true : undefined,
    },
    forced: type === 'tool' || type === 'any',
  };
}

function choiceType(choice: ToolChoice | undefined): 'auto' | 'none' | 'any' | 'tool' | undefined {
  if (choice?.name) return 'tool';
  switch (choice?.mode) {
    case ToolChoiceMode.AUTO:
      return 'auto';
    case ToolChoiceMode.NONE:
      return 'none';
    case ToolChoiceMode.REQUIRED:
      return 'any';
    default:
      return undefined;
  }
}
