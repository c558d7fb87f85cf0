import type { ParsedRequest } from '../dialect.ts';
import { type Choice, type OfferedTool, type Query, systemTurns, type Turn, unasked } from '../query.ts';
import { isSignature } from '../signature.ts';
import { badRequest } from '../simulated-error.ts';
import {
  isObject,
  isSchema,
  type Json,
  limitIn,
  messagesIn,
  modelIn,
  number,
  objectIn,
  objectsIn,
  parseBody,
  requestFor,
  textIn,
} from './request-body.ts';

const roles = new Set(['system', 'developer', 'user', 'assistant']);
const attachments = new Set(['input_image', 'input_file', 'input_audio']);

/** A member that is a text, or parts with texts in them. */
function contentIn(item: Json, name: string): { readonly text: string; readonly attachments: number } {
  const content = item[name];
  if (typeof content === 'string') return { text: content, attachments: 0 };
  const parts = objectsIn(item, name);
  return {
    text: parts.map((part) => textIn(part, 'text')).join(''),
    attachments: parts.filter((part) => attachments.has(textIn(part, 'type'))).length,
  };
}

/** An item as a turn; none for calls and for reasoning. */
function turnsOf(item: Json, at: number): Turn[] {
  const type = textIn(item, 'type') || 'message';
  switch (type) {
    case 'message': {
      const role = textIn(item, 'role');
      if (roles.has(role)) return [{ role, ...contentIn(item, 'content'), callId: '' }];
      throw badRequest(`Invalid value: '${role}'.`, `input[${at}].role`, 'invalid_value');
    }
    case 'function_call_output':
    case 'custom_tool_call_output':
      return [{ role: 'tool', ...contentIn(item, 'output'), callId: textIn(item, 'call_id') }];
    case 'reasoning': {
      const sealed = item['encrypted_content'];
      if (sealed === undefined || sealed === null || isSignature(sealed)) return [];
      throw badRequest('The encrypted content could not be verified.', null, 'invalid_encrypted_content');
    }
    default:
      return [];
  }
}

/** An output has to name a call among the items before it. */
function checkCalls(items: readonly Json[]): void {
  const called = new Set<string>();
  for (const item of items) {
    const id = textIn(item, 'call_id');
    if (/_call$/.test(textIn(item, 'type'))) called.add(id);
    else if (/_call_output$/.test(textIn(item, 'type')) && !called.has(id)) {
      throw badRequest(`No tool call found for function call output with call_id ${id}.`, 'input');
    }
  }
}

/** Functions and tools of free text; those that the provider runs itself are none of the simulator's. */
const toolsOf = (body: Json): OfferedTool[] =>
  objectsIn(body, 'tools').flatMap((tool): OfferedTool[] => {
    const name = textIn(tool, 'name');
    if (tool['type'] === 'custom') return [{ name, schema: undefined }];
    if (tool['type'] !== 'function') return [];
    const { parameters } = tool;
    return [{ name, schema: isSchema(parameters) ? parameters : { type: 'object' } }];
  });

function choiceOf({ tool_choice: value }: Json): { readonly choice: Choice; readonly allowed?: readonly string[] } {
  if (value === 'none' || value === 'required') return { choice: value };
  if (!isObject(value)) return { choice: 'auto' };
  if (value['type'] === 'allowed_tools') {
    const allowed = objectsIn(value, 'tools').map((tool) => textIn(tool, 'name'));
    return { choice: value['mode'] === 'required' ? 'required' : 'auto', allowed };
  }
  return { choice: { name: textIn(value, 'name') } };
}

function formatOf(body: Json): Query['format'] {
  const format = objectIn(objectIn(body, 'text'), 'format');
  if (format['type'] === 'json_object') return 'json';
  if (format['type'] !== 'json_schema') return 'text';
  if (textIn(format, 'name') === '') {
    throw badRequest(
      "Missing required parameter: 'text.format.name'.",
      'text.format.name',
      'missing_required_parameter',
    );
  }
  const { schema } = format;
  return isSchema(schema) ? schema : 'json';
}

function queryOf(body: Json, model: string): Query {
  const { input } = body;
  const items =
    typeof input === 'string' ? [{ type: 'message', role: 'user', content: input }] : messagesIn(body, 'input');
  checkCalls(items);
  number(body, 'temperature', 0, 2, false);
  number(body, 'top_p', 0, 1, false);
  const instructions = textIn(body, 'instructions');
  const { choice, allowed } = choiceOf(body);
  const tools = toolsOf(body);
  const reasoning = objectIn(body, 'reasoning');
  return {
    ...unasked,
    model,
    turns: [...systemTurns(instructions), ...items.flatMap(turnsOf)],
    stream: body['stream'] === true,
    maxTokens: limitIn(body, 'max_output_tokens'),
    tools: allowed === undefined ? tools : tools.filter(({ name }) => allowed.includes(name)),
    choice,
    parallel: body['parallel_tool_calls'] !== false,
    format: formatOf(body),
    effort: textIn(reasoning, 'effort') || undefined,
    // Who asks for reasoning but for no summary of it gets none.
    showReasoning: typeof reasoning['summary'] === 'string' || textIn(reasoning, 'effort') === '',
  };
}

/** Reads a body of OpenAI's responses. Throws a SimulatedError of 400. */
export function parseResponses(text: string): ParsedRequest {
  const body = parseBody(text);
  const model = modelIn(body);
  return requestFor(model, body, () => queryOf(body, model));
}
