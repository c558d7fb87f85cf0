import type { ParsedRequest } from '../dialect.ts';
import { type Choice, type Query, type Turn, unasked } from '../query.ts';
import { badRequest } from '../simulated-error.ts';
import { functionTools } from './openai-tools.ts';
import {
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
  seedIn,
  stopIn,
  textIn,
} from './request-body.ts';

const roles = new Set(['system', 'user', 'assistant', 'tool']);

const dataOf = (document: Json): string => {
  const { data } = document;
  return data === undefined ? '' : typeof data === 'string' ? data : JSON.stringify(data);
};

function turnOf(message: Json, at: number): Turn {
  const role = textIn(message, 'role');
  if (!roles.has(role))
    throw badRequest(`invalid request: messages[${at}].role must be one of ${[...roles].join(', ')}`, null);
  const callId = textIn(message, 'tool_call_id');
  if (role === 'tool' && callId === '') throw badRequest(`invalid request: messages[${at}] has no tool_call_id`, null);
  const { content } = message;
  if (typeof content === 'string') return { role, text: content, attachments: 0, callId };
  const parts = objectsIn(message, 'content');
  const text = parts.map((part) => textIn(part, 'text') || dataOf(objectIn(part, 'document'))).join('');
  return { role, text, attachments: parts.filter((part) => part['type'] === 'image_url').length, callId };
}

/** A tool's answer has to name a call that was made. */
function checkCalls(messages: readonly Json[]): void {
  const called = new Set<string>();
  for (const message of messages) {
    for (const call of objectsIn(message, 'tool_calls')) called.add(textIn(call, 'id'));
    const id = textIn(message, 'tool_call_id');
    if (id !== '' && !called.has(id)) throw badRequest(`invalid request: no tool call has the id ${id}`, null);
  }
}

const choices: Readonly<Record<string, Choice>> = { REQUIRED: 'required', NONE: 'none' };

function formatOf(body: Json): Query['format'] {
  const format = objectIn(body, 'response_format');
  if (format['type'] !== 'json_object') return 'text';
  const schema = format['json_schema'] ?? format['schema'];
  return isSchema(schema) ? schema : 'json';
}

function queryOf(body: Json, model: string): Query {
  const messages = messagesIn(body, 'messages');
  checkCalls(messages);
  number(body, 'temperature', 0, 1, false);
  number(body, 'p', 0.01, 0.99, false);
  return {
    ...unasked,
    model,
    turns: messages.map(turnOf),
    stream: body['stream'] === true,
    maxTokens: limitIn(body, 'max_tokens'),
    stop: stopIn(body, 'stop_sequences', 5),
    seed: seedIn(body),
    tools: functionTools(body),
    choice: choices[textIn(body, 'tool_choice')] ?? 'auto',
    format: formatOf(body),
    effort: objectIn(body, 'thinking')['type'] === 'enabled' ? 'medium' : undefined,
  };
}

/** Reads a body of Cohere's v2 chat. Throws a SimulatedError of 400. */
export function parseChat(text: string): ParsedRequest {
  const body = parseBody(text);
  const model = modelIn(body);
  return requestFor(model, body, () => queryOf(body, model));
}
