import { type Tool, ToolChoiceMode } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import type { JsonInput } from '../../kernel/json-text.ts';
import type { ChatRequest } from '../../kernel/messages.ts';
import { schemaOf } from '../shared/function-tool.ts';
import type { Notes } from '../shared/notes.ts';
import { withExtra } from '../shared/own-blocks.ts';
import { rawObject } from '../shared/raw-object.ts';
import { dialect } from './dialect.ts';

/** The body's `tools`. There is no choice of them: what may not be called is left out. */
export function toolsOf(request: ChatRequest, notes: Notes): JsonInput {
  const choice = request.toolChoice;
  if (choice?.mode === ToolChoiceMode.NONE && request.tools.length > 0) {
    notes.mapped('tool_choice', 'the tools are left out');
    return undefined;
  }
  const names = choice?.name ? [choice.name] : (choice?.allowed ?? []);
  if (choice?.mode === ToolChoiceMode.REQUIRED || choice?.name || choice?.native) {
    notes.dropped('tool_choice', 'the provider cannot force a call');
  } else if (names.length > 0) {
    notes.mapped('tool_choice.allowed', 'the other tools are left out');
  }
  const tools: JsonInput[] = [];
  request.tools.forEach((tool, index) => {
    const path = `tools[${index}]`;
    const made = toolOf(tool, names, path, notes);
    if (made !== undefined) tools.push(made);
  });
  return tools.length > 0 ? tools : undefined;
}

function toolOf({ tool, extra, cacheControl }: Tool, names: readonly string[], path: string, notes: Notes): JsonInput {
  if (cacheControl) notes.mapped(`${path}.cache_control`, 'the provider caches by itself');
  if (tool.case === undefined) return undefined;
  if (tool.case === 'native') {
    const { provider, json } = tool.value;
    const raw = provider === '' || provider === dialect ? rawObject(json) : undefined;
    if (raw === undefined) notes.dropped(`${path}.native`, `a tool of ${provider || 'no provider'}`);
    return raw;
  }
  const { name, description } = tool.value;
  if (names.length > 0 && !names.includes(name)) return undefined;
  if (tool.case === 'function' && tool.value.strict === true) notes.dropped(`${path}.function.strict`);
  const made = { name, description: description || undefined, parameters: schemaOf(tool, path, notes) };
  return withExtra({ type: 'function', function: made }, extra, dialect, path, notes);
}
