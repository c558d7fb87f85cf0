import type { ParsedRequest } from '../dialect.ts';
import type { JsonSchema } from '../json-schema.ts';
import { readKnobs, splitModel } from '../knobs.ts';
import type { Choice, OfferedTool, Query, Turn } from '../query.ts';
import { badRequest } from '../simulated-error.ts';

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  value !== null && typeof value === 'object' && !Array.isArray(value);
const isSchema = (value: unknown): value is JsonSchema => typeof value === 'boolean' || isObject(value);

const roles = new Set(['system', 'developer', 'user', 'assistant', 'tool', 'function']);

/** A number in bounds, undefined where there is none. */
function number(body: Json, name: string, least: number, most: number, whole: boolean): number | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || (whole && !Number.isInteger(value))) {
    throw badRequest(`'${name}' must be ${whole ? 'an integer' : 'a number'}.`, name, 'invalid_type');
  }
  if (value < least || value > most) {
    throw badRequest(`'${name}' must be from ${least} to ${most}, not ${value}.`, name, 'invalid_value');
  }
  return value;
}

function turnOf(message: unknown, at: number): Turn {
  const param = `messages[${at}]`;
  if (!isObject(message)) throw badRequest(`'${param}' must be an object.`, param, 'invalid_type');
  const { role, content } = message;
  if (typeof role !== 'string' || !roles.has(role)) {
    throw badRequest(`'${param}.role' must be one of ${[...roles].join(', ')}.`, `${param}.role`, 'invalid_value');
  }
  const callId = message['tool_call_id'];
  if (role === 'tool' && typeof callId !== 'string') {
    throw badRequest(`'${param}.tool_call_id' is missing.`, `${param}.tool_call_id`, 'missing_required_parameter');
  }
  const turn = { role: role === 'function' ? 'tool' : role, callId: typeof callId === 'string' ? callId : '' };
  if (typeof content === 'string') return { ...turn, text: content, attachments: 0 };
  if (Array.isArray(content)) {
    const texts = content.map((part) => (isObject(part) && typeof part['text'] === 'string' ? part['text'] : ''));
    const others = content.filter((part) => !(isObject(part) && typeof part['text'] === 'string'));
    return { ...turn, text: texts.join(''), attachments: others.length };
  }
  if ((content === undefined || content === null) && role === 'assistant') return { ...turn, text: '', attachments: 0 };
  throw badRequest(`'${param}.content' must be a string or an array.`, `${param}.content`, 'invalid_type');
}

function turnsOf(body: Json): Turn[] {
  const { messages } = body;
  if (messages === undefined) {
    throw badRequest("Missing required parameter: 'messages'.", 'messages', 'missing_required_parameter');
  }
  if (!Array.isArray(messages)) throw badRequest("'messages' must be an array.", 'messages', 'invalid_type');
  if (messages.length === 0) throw badRequest("'messages' must not be empty.", 'messages', 'empty_array');
  return messages.map(turnOf);
}

function toolOf(tool: unknown, at: number): OfferedTool {
  const param = `tools[${at}]`;
  const custom = isObject(tool) && tool['type'] === 'custom' && tool['custom'];
  const described = custom || (isObject(tool) && tool['function']);
  const name = isObject(described) ? described['name'] : undefined;
  if (!isObject(described) || typeof name !== 'string') {
    throw badRequest(`'${param}.function.name' is missing.`, `${param}.function.name`, 'missing_required_parameter');
  }
  if (custom) return { name, schema: undefined };
  return { name, schema: isSchema(described['parameters']) ? described['parameters'] : { type: 'object' } };
}

function choiceOf(body: Json): { readonly choice: Choice; readonly allowed: ReadonlySet<string> | undefined } {
  const value = body['tool_choice'];
  if (value === undefined || value === null) return { choice: 'auto', allowed: undefined };
  if (value === 'none' || value === 'auto' || value === 'required') return { choice: value, allowed: undefined };
  const named = isObject(value) ? (value['function'] ?? value['custom']) : undefined;
  if (isObject(named) && typeof named['name'] === 'string') {
    return { choice: { name: named['name'] }, allowed: undefined };
  }
  const some = isObject(value) ? value['allowed_tools'] : undefined;
  if (isObject(some) && Array.isArray(some['tools'])) {
    const names = some['tools'].map((tool: unknown) => {
      const one = isObject(tool) ? (tool['function'] ?? tool['custom']) : undefined;
      return isObject(one) ? String(one['name']) : '';
    });
    return { choice: some['mode'] === 'required' ? 'required' : 'auto', allowed: new Set(names) };
  }
  throw badRequest("'tool_choice' is not understood.", 'tool_choice', 'invalid_value');
}

function formatOf(body: Json): Query['format'] {
  const format = body['response_format'];
  if (format === undefined || format === null) return 'text';
  const type = isObject(format) ? format['type'] : undefined;
  if (type === 'text') return 'text';
  if (type === 'json_object') return 'json';
  const wrapped = isObject(format) ? format['json_schema'] : undefined;
  if (type !== 'json_schema') {
    throw badRequest(
      "'response_format.type' must be text, json_object or json_schema.",
      'response_format',
      'invalid_value',
    );
  }
  if (!isObject(wrapped) || typeof wrapped['name'] !== 'string') {
    const param = 'response_format.json_schema.name';
    throw badRequest(`Missing required parameter: '${param}'.`, param, 'missing_required_parameter');
  }
  return isSchema(wrapped['schema']) ? wrapped['schema'] : 'json';
}

function stopOf(body: Json): string[] {
  const { stop } = body;
  if (stop === undefined || stop === null) return [];
  const list = Array.isArray(stop) ? (stop as unknown[]) : [stop];
  if (list.every((one) => typeof one === 'string') && list.length <= 4) return list;
  throw badRequest("'stop' must be a string or up to four of them.", 'stop', 'invalid_value');
}

function queryOf(body: Json, model: string): Query {
  const turns = turnsOf(body);
  number(body, 'temperature', 0, 2, false);
  number(body, 'top_p', 0, 1, false);
  const offered = Array.isArray(body['tools']) ? body['tools'].map(toolOf) : [];
  const { choice, allowed } = choiceOf(body);
  const options = body['stream_options'];
  const effort = body['reasoning_effort'];
  const top = number(body, 'top_logprobs', 0, 20, true);
  return {
    model,
    turns,
    stream: body['stream'] === true,
    includeUsage: isObject(options) && options['include_usage'] === true,
    maxTokens:
      number(body, 'max_completion_tokens', 1, Number.MAX_SAFE_INTEGER, true) ??
      number(body, 'max_tokens', 1, Number.MAX_SAFE_INTEGER, true),
    stop: stopOf(body),
    n: number(body, 'n', 1, 128, true) ?? 1,
    seed: number(body, 'seed', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, true),
    tools: allowed === undefined ? offered : offered.filter((tool) => allowed.has(tool.name)),
    choice,
    parallel: body['parallel_tool_calls'] !== false,
    format: formatOf(body),
    topLogprobs: body['logprobs'] === true ? (top ?? 0) : undefined,
    effort: typeof effort === 'string' ? effort : undefined,
  };
}

/** Reads a body of OpenAI's chat completions. Throws a SimulatedError of 400. */
export function parseRequest(text: string): ParsedRequest {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw badRequest('The body is not JSON.', null, 'invalid_json');
  }
  if (!isObject(body)) throw badRequest('The body must be a JSON object.', null, 'invalid_json');
  const { model } = body;
  if (typeof model !== 'string' || model === '') {
    throw badRequest("Missing required parameter: 'model'.", 'model', 'missing_required_parameter');
  }
  const { name, knobs } = splitModel(model);
  return { name, knobs: readKnobs(knobs, body), query: () => queryOf(body, model) };
}
