import { ToolChoiceMode } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import type { JsonInput } from '../../kernel/json-text.ts';
import type { ChatRequest } from '../../kernel/messages.ts';
import { functionTools } from '../shared/function-tools.ts';
import type { Notes } from '../shared/notes.ts';
import { dialect } from './dialect.ts';

/** The body's `tools`. There is no choice of them: what may not be called is left out. */
export function toolsOf({ toolChoice: choice, tools }: ChatRequest, notes: Notes): JsonInput {
  if (choice?.mode === ToolChoiceMode.NONE && tools.length > 0) {
    notes.mapped('tool_choice', 'the tools are left out');
    return undefined;
  }
  const names = choice?.name ? [choice.name] : (choice?.allowed ?? []);
  if (choice?.mode === ToolChoiceMode.REQUIRED || choice?.name || choice?.native) {
    notes.dropped('tool_choice', 'the provider cannot force a call');
  } else if (names.length > 0) {
    notes.mapped('tool_choice.allowed', 'the other tools are left out');
  }
  tools.forEach(({ tool }, index) => {
    if (tool.case === 'function' && tool.value.strict === true) notes.dropped(`tools[${index}].function.strict`);
  });
  return functionTools(tools, names, dialect, notes);
}
