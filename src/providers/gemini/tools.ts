import { type Tool, type ToolChoice, ToolChoiceMode } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import type { JsonInput, RawJson } from '../../kernel/json-text.ts';
import type { ChatRequest } from '../../kernel/messages.ts';
import { schemaOf } from '../shared/function-tool.ts';
import type { Notes } from '../shared/notes.ts';
import { withExtra } from '../shared/own-blocks.ts';
import { rawObject } from '../shared/raw-object.ts';
import type { JsonMembers } from '../shared/turns.ts';
import { dialect } from './dialect.ts';

/** The body's `tools`: the caller's functions as one of them, each of the provider's own as another. */
export function toolsOf(request: ChatRequest, notes: Notes): JsonInput {
  const functions: JsonMembers[] = [];
  const native: RawJson[] = [];
  const allowed = allowedOf(request.toolChoice);
  request.tools.forEach((tool, index) => {
    const path = `tools[${index}]`;
    if (tool.cacheControl) notes.mapped(`${path}.cache_control`, 'the provider caches by itself');
    if (tool.tool.case === 'native') {
      const { provider, json } = tool.tool.value;
      const raw = provider === '' || provider === dialect ? rawObject(json) : undefined;
      if (raw) native.push(raw);
      else notes.dropped(`${path}.native`, `a tool of ${provider || 'no provider'}`);
    } else if (tool.tool.case !== undefined) {
      if (allowed && !allowed.includes(tool.tool.value.name)) return;
      functions.push(withExtra(declarationOf(tool.tool, path, notes), tool.extra, dialect, path, notes));
    }
  });
  if (allowed) notes.mapped('tool_choice.allowed', 'the other tools are left out');
  const tools: JsonInput[] = functions.length > 0 ? [{ functionDeclarations: functions }, ...native] : native;
  return tools.length > 0 ? tools : undefined;
}

/** Names may be told with a forced call only; where the model is free, the other tools are left out. */
function allowedOf(choice: ToolChoice | undefined): readonly string[] | undefined {
  const names = choice?.allowed ?? [];
  return names.length > 0 && choice?.mode !== ToolChoiceMode.REQUIRED ? names : undefined;
}

function declarationOf(tool: Tool['tool'] & { case: 'function' | 'custom' }, path: string, notes: Notes): JsonMembers {
  const { name, description } = tool.value;
  const bare = tool.case === 'function' && tool.value.parameters === '';
  if (tool.case === 'function' && tool.value.strict === true) {
    notes.dropped(`${path}.function.strict`, 'the provider does not promise it');
  }
  return {
    name,
    description: description || undefined,
    parametersJsonSchema: bare ? undefined : schemaOf(tool, path, notes),
  };
}

/** The body's `toolConfig`. */
export function toolConfigOf({ toolChoice: choice, tools }: ChatRequest, notes: Notes): JsonInput {
  if (choice?.native) {
    const raw = rawObject(choice.native);
    if (raw) return raw;
    notes.dropped('tool_choice.native', 'not a JSON object');
  }
  const mode = modeOf(choice);
  if (mode === undefined || tools.length === 0) return undefined;
  const names = choice?.name ? [choice.name] : mode === 'ANY' ? choice?.allowed : undefined;
  return { functionCallingConfig: { mode, allowedFunctionNames: names && names.length > 0 ? names : undefined } };
}

function modeOf(choice: ToolChoice | undefined): 'AUTO' | 'NONE' | 'ANY' | undefined {
  if (choice?.name) return 'ANY';
  switch (choice?.mode) {
    case ToolChoiceMode.AUTO:
      return 'AUTO';
    case ToolChoiceMode.NONE:
      return 'NONE';
    case ToolChoiceMode.REQUIRED:
      return 'ANY';
    default:
      return undefined;
  }
}
