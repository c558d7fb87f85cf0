import type { ResponseFormat } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { type Tool, type ToolChoice, ToolChoiceMode } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import { type JsonInput, RawJson } from '../../kernel/json-text.ts';
import type { ChatRequest } from '../../kernel/messages.ts';
import type { Notes } from '../shared/notes.ts';
import { withExtra } from './encode-extra.ts';
import type { Body, Quirks } from './provider.ts';

/** Sets `tools`, `tool_choice` and `parallel_tool_calls`. */
export function encodeTools(request: ChatRequest, body: Body, type: string, quirks: Quirks, notes: Notes): void {
  const choice = request.toolChoice;
  const allowed = choice !== undefined && choice.allowed.length > 0 ? new Set(choice.allowed) : undefined;
  const narrowed = allowed !== undefined && !quirks.allowedTools;
  const tools: JsonInput[] = [];
  for (const [i, tool] of request.tools.entries()) {
    if (narrowed && !allowed.has(toolName(tool))) continue;
    const encoded = encodeTool(tool, `tools[${i}]`, type, quirks, notes);
    if (encoded !== undefined) tools.push(encoded);
  }
  if (tools.length > 0) body['tools'] = tools;
  if (narrowed) notes.mapped('tool_choice.allowed', 'the other tools were left out');
  if (choice !== undefined) body['tool_choice'] = encodeChoice(choice, request.tools, narrowed);
  body['parallel_tool_calls'] = request.parallelToolCalls;
}

const toolName = ({ tool }: Tool): string =>
  tool.case === 'function' || tool.case === 'custom' ? tool.value.name : '';

function encodeTool(tool: Tool, path: string, type: string, quirks: Quirks, notes: Notes): JsonInput | undefined {
  const { case: kind, value } = tool.tool;
  if (kind === undefined) return undefined;
  if (kind === 'native') {
    if (value.provider === '' || value.provider === type) return new RawJson(value.json);
    notes.dropped(path, `a tool of ${value.provider}`);
    return undefined;
  }
  if (kind === 'custom' && !quirks.customTools) {
    notes.dropped(path, 'only functions can be called');
    return undefined;
  }
  const encoded: Body = { type: kind };
  if (kind === 'function') {
    encoded['function'] = {
      name: value.name,
      description: value.description || undefined,
      parameters: value.parameters === '' ? undefined : new RawJson(value.parameters),
      strict: value.strict,
    };
  } else {
    encoded['custom'] = {
      name: value.name,
      description: value.description || undefined,
      format: value.format === '' ? undefined : new RawJson(value.format),
    };
  }
  if (tool.cacheControl !== undefined) {
    if (quirks.cacheControl) encoded['cache_control'] = encodeCacheControl(tool.cacheControl);
    else notes.dropped(`${path}.cache_control`, 'the provider caches by itself');
  }
  return withExtra(encoded, tool.extra, type);
}

/** `cache_control` in Anthropic's form, which others follow. */
export const encodeCacheControl = (mark: { type: string; ttl: string }): JsonInput => ({
  type: mark.type || 'ephemeral',
  ttl: mark.ttl || undefined,
});

const modes: Readonly<Record<number, string>> = {
  [ToolChoiceMode.UNSPECIFIED]: 'auto',
  [ToolChoiceMode.AUTO]: 'auto',
  [ToolChoiceMode.NONE]: 'none',
  [ToolChoiceMode.REQUIRED]: 'required',
};

function encodeChoice(choice: ToolChoice, tools: readonly Tool[], narrowed: boolean): JsonInput | undefined {
  if (choice.native !== '') return new RawJson(choice.native);
  const named = (name: string): JsonInput => {
    const custom = tools.some((tool) => tool.tool.case === 'custom' && tool.tool.value.name === name);
    return custom ? { type: 'custom', custom: { name } } : { type: 'function', function: { name } };
  };
  if (choice.name !== '') return named(choice.name);
  const mode = modes[choice.mode];
  if (choice.allowed.length > 0 && !narrowed) {
    return { type: 'allowed_tools', allowed_tools: { mode, tools: choice.allowed.map(named) } };
  }
  return choice.mode === ToolChoiceMode.UNSPECIFIED ? undefined : mode;
}

/** `response_format`. */
export function encodeFormat({ format }: ResponseFormat, quirks: Quirks, notes: Notes): JsonInput | undefined {
  switch (format.case) {
    case 'text':
      return { type: 'text' };
    case 'jsonObject':
      return { type: 'json_object' };
    case 'jsonSchema': {
      if (quirks.jsonSchema === false) {
        notes.mapped('response_format.json_schema', 'json_object: the schema is not enforced');
        return { type: 'json_object' };
      }
      const { name, description, schema, strict } = format.value;
      return {
        type: 'json_schema',
        json_schema: {
          name: name || 'response',
          description: description || undefined,
          schema: schema === '' ? undefined : new RawJson(schema),
          strict,
        },
      };
    }
    case 'grammar':
      notes.dropped('response_format.grammar', 'Chat Completions has no grammars');
      return undefined;
    default:
      return undefined;
  }
}
