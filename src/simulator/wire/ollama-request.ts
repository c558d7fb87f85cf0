import type { ParsedRequest } from '../dialect.ts';
import { type Query, type Turn, unasked } from '../query.ts';
import { badRequest } from '../simulated-error.ts';
import { functionTools } from './openai-tools.ts';
import {
  isSchema,
  type Json,
  messagesIn,
  modelIn,
  number,
  objectIn,
  parseBody,
  requestFor,
  seedIn,
  stopIn,
  textIn,
} from './request-body.ts';

const roles = new Set(['system', 'user', 'assistant', 'tool']);

function turnOf(message: Json): Turn {
  const role = textIn(message, 'role');
  if (!roles.has(role)) throw badRequest(`invalid role: ${role}`, null);
  const { content = '', images } = message;
  if (typeof content !== 'string') {
    throw badRequest('json: cannot unmarshal into Go struct field ChatRequest.messages.content of type string', null);
  }
  const callId = textIn(message, 'tool_call_id') || textIn(message, 'tool_name');
  return { role, text: content, attachments: Array.isArray(images) ? images.length : 0, callId };
}

/** A limit of -1 or -2 is none. */
function limitOf(options: Json): number | undefined {
  const limit = number(options, 'num_predict', -2, Number.MAX_SAFE_INTEGER, true);
  return limit === undefined || limit < 0 ? undefined : limit;
}

function formatOf({ format }: Json): Query['format'] {
  if (format === 'json') return 'json';
  return format !== '' && isSchema(format) ? format : 'text';
}

function queryOf(body: Json, model: string): Query {
  const options = objectIn(body, 'options');
  const { think } = body;
  return {
    ...unasked,
    model,
    turns: messagesIn(body, 'messages').map(turnOf),
    // Streaming is what it does unless told otherwise.
    stream: body['stream'] !== false,
    maxTokens: limitOf(options),
    stop: stopIn(options, 'stop'),
    seed: seedIn(options),
    tools: functionTools(body),
    format: formatOf(body),
    effort: think === true ? 'medium' : typeof think === 'string' ? think : undefined,
    showReasoning: think !== false,
  };
}

/** Reads a body of Ollama's own chat. Throws a SimulatedError of 400. */
export function parseOllama(text: string): ParsedRequest {
  const body = parseBody(text);
  const model = modelIn(body);
  return requestFor(model, body, () => queryOf(body, model));
}
