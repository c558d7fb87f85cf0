import type { ParsedRequest } from '../dialect.ts';
import type { Choice, OfferedTool, Query, Turn } from '../query.ts';
import { badRequest } from '../simulated-error.ts';
import {
  isObject,
  isSchema,
  type Json,
  limitIn,
  messagesIn,
  modelIn,
  number,
  parseBody,
  requestFor,
  seedIn,
  stopIn,
} from './request-body.ts';

const roles = new Set(['system', 'developer', 'user', 'assistant', 'tool', 'function']);

function turnOf(message: Json, at: number): Turn {
  const param = `messages[${at}]`;
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

function queryOf(body: Json, model: string): Query {
  const turns = messagesIn(body, 'messages').map(turnOf);
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
    maxTokens: limitIn(body, 'max_completion_tokens') ?? limitIn(body, 'max_tokens'),
    stop: stopIn(body, 'stop', 4),
    n: number(body, 'n', 1, 128, true) ?? 1,
    seed: seedIn(body),
    tools: allowed === undefined ? offered : offered.filter((tool) => allowed.has(tool.name)),
    choice,
    parallel: body['parallel_tool_calls'] !== false,
    format: formatOf(body),
    topLogprobs: body['logprobs'] === true ? (top ?? 0) : undefined,
    effort: typeof effort === 'string' ? effort : undefined,
    showReasoning: true,
  };
}

/** Reads a body of OpenAI's chat completions. Throws a SimulatedError of 400. */
export function parseRequest(text: string): ParsedRequest {
  const body = parseBody(text);
  const model = modelIn(body);
  return requestFor(model, body, () => queryOf(body, model));
}
