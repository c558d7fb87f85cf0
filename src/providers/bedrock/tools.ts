import { type Tool, ToolChoiceMode } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import { RawJson } from '../../kernel/json-text.ts';
import type { ChatRequest } from '../../kernel/messages.ts';
import { schemaOf } from '../shared/function-tool.ts';
import type { Notes } from '../shared/notes.ts';
import { rawObject } from '../shared/raw-object.ts';
import type { JsonMembers } from '../shared/turns.ts';
import { type Block, cachePoint } from './content.ts';
import { dialect } from './dialect.ts';

/** The body's `toolConfig`; undefined for none. */
export function toolConfigOf(request: ChatRequest, notes: Notes): JsonMembers | undefined {
  const choice = request.toolChoice;
  const allowed = choice?.allowed ?? [];
  const called = calledNames(request);
  if (choice?.mode === ToolChoiceMode.NONE && called.size === 0) {
    if (request.tools.length > 0) notes.mapped('tool_choice', 'the tools are left out');
    return undefined;
  }
  const tools: Block[] = [];
  request.tools.forEach((tool, index) => {
    const name = tool.tool.case === 'native' ? undefined : tool.tool.value?.name;
    if (name !== undefined && allowed.length > 0 && !allowed.includes(name)) return;
    const block = toolBlock(tool, `tools[${index}]`, notes);
    if (block) tools.push(block);
    if (block && tool.cacheControl) tools.push(cachePoint(tool.cacheControl));
  });
  if (allowed.length > 0) notes.mapped('tool_choice.allowed', 'the other tools are left out');
  if (tools.length === 0) {
    // Calls in the history are refused unless some tool is declared.
    if (called.size === 0) return undefined;
    notes.mapped('tools', 'the tools called so far, as the provider needs some');
    for (const name of called)
      tools.push({ toolSpec: { name, inputSchema: { json: new RawJson('{"type":"object"}') } } });
  }
  return { tools, toolChoice: choiceOf(request, notes) };
}

function calledNames(request: ChatRequest): Set<string> {
  const names = new Set<string>();
  for (const message of request.messages) for (const call of message.toolCalls) names.add(call.name);
  return names;
}

function toolBlock({ tool, extra }: Tool, path: string, notes: Notes): Block | undefined {
  for (const provider in extra) notes.dropped(`${path}.extra.${provider}`);
  if (tool.case === 'native') {
    const raw = tool.value.provider === '' || tool.value.provider === dialect ? rawObject(tool.value.json) : undefined;
    if (raw === undefined) notes.dropped(`${path}.native`, `a tool of ${tool.value.provider || 'no provider'}`);
    return raw;
  }
  if (tool.case === undefined) return undefined;
  const { name, description } = tool.value;
  const strict = tool.case === 'function' && tool.value.strict === true ? true : undefined;
  const inputSchema = { json: schemaOf(tool, path, notes) };
  return { toolSpec: { name, description: description || undefined, inputSchema, strict } };
}

function choiceOf({ toolChoice: choice }: ChatRequest, notes: Notes): Block | undefined {
  const native = choice?.native ? rawObject(choice.native) : undefined;
  if (native) return native;
  if (choice?.name) return { tool: { name: choice.name } };
  switch (choice?.mode) {
    case ToolChoiceMode.AUTO:
      return { auto: {} };
    case ToolChoiceMode.REQUIRED:
      return { any: {} };
    case ToolChoiceMode.NONE:
      notes.dropped('tool_choice', 'the provider cannot forbid calls where the history has some');
      return undefined;
    default:
      return undefined;
  }
}
