import { type Tool, ToolChoiceMode } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import type { JsonInput } from '../../kernel/json-text.ts';
import type { ChatRequest } from '../../kernel/messages.ts';
import { functionTools } from '../shared/function-tools.ts';
import type { Notes } from '../shared/notes.ts';
import type { JsonMembers } from '../shared/turns.ts';
import { dialect } from './dialect.ts';

const isStrict = ({ tool }: Tool): boolean => tool.case === 'function' && tool.value.strict === true;

/** The body's `tools`, and how they may be used. One tool is forced by leaving out the others. */
export function toolsOf(request: ChatRequest, notes: Notes): JsonMembers {
  const choice = request.toolChoice;
  if (choice?.native) notes.dropped('tool_choice.native', 'the provider has words alone for it');
  const names = choice?.name ? [choice.name] : (choice?.allowed ?? []);
  if (names.length > 0) notes.mapped('tool_choice', 'the other tools are left out');
  const tools = functionTools(request.tools, names, dialect, notes);
  const strict = request.tools.filter(isStrict).length;
  if (strict > 0 && strict < request.tools.length) {
    notes.dropped(`tools[${request.tools.findIndex(isStrict)}].function.strict`, 'for all tools or none');
  }
  return {
    tools,
    strict_tools: strict > 0 && strict === request.tools.length ? true : undefined,
    tool_choice: tools === undefined ? undefined : choiceOf(choice?.mode, choice?.name),
  };
}

function choiceOf(mode: ToolChoiceMode | undefined, name: string | undefined): JsonInput {
  if (name || mode === ToolChoiceMode.REQUIRED) return 'REQUIRED';
  return mode === ToolChoiceMode.NONE ? 'NONE' : undefined;
}
