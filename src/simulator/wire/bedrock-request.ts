import type { ParsedRequest } from '../dialect.ts';
import { type Choice, type OfferedTool, type Query, systemTurns, type Turn, unasked } from '../query.ts';
import { isSignatureOf } from '../signature.ts';
import { badRequest } from '../simulated-error.ts';
import {
  isObject,
  isSchema,
  type Json,
  limitIn,
  messagesIn,
  number,
  objectIn,
  objectsIn,
  parseBody,
  requestFor,
  stopIn,
  textIn,
} from './request-body.ts';
import { checkToolPairs } from './tool-pairs.ts';

const attachments = ['image', 'document', 'video', 'audio'];

const textOf = (blocks: readonly Json[]): string =>
  blocks
    .map((block) => {
      const { json } = block;
      return json === undefined ? textIn(block, 'text') : JSON.stringify(json);
    })
    .join('');

const attachmentsOf = (blocks: readonly Json[]): number =>
  blocks.filter((block) => attachments.some((kind) => kind in block)).length;

const idsIn = (message: Json, kind: string): string[] =>
  objectsIn(message, 'content').flatMap((block) => {
    const value = block[kind];
    return isObject(value) ? [textIn(value, 'toolUseId')] : [];
  });

function checkReasoning(blocks: readonly Json[]): void {
  for (const block of blocks) {
    const reasoning = objectIn(block, 'reasoningContent')['reasoningText'];
    if (!isObject(reasoning) || isSignatureOf(reasoning['signature'], textIn(reasoning, 'text'))) continue;
    throw badRequest('The reasoning content has an invalid signature.', 'messages');
  }
}

/** A message as turns: the results of tools each by itself, the rest as one. */
function turnsOf(message: Json, at: number): Turn[] {
  const role = textIn(message, 'role');
  if (role !== 'user' && role !== 'assistant') {
    throw badRequest(`Value at 'messages.${at}.role' must be user or assistant`, `messages.${at}.role`);
  }
  const blocks = objectsIn(message, 'content');
  if (blocks.length === 0) throw badRequest(`The content field at messages.${at} is empty.`, `messages.${at}.content`);
  if (blocks.some((block) => block['text'] === '')) {
    throw badRequest(`The text field in the ContentBlock object at messages.${at} is blank.`, `messages.${at}.content`);
  }
  checkReasoning(blocks);
  const turns = blocks.flatMap((block): Turn[] => {
    const result = block['toolResult'];
    if (!isObject(result)) return [];
    const content = objectsIn(result, 'content');
    const callId = textIn(result, 'toolUseId');
    return [{ role: 'tool', text: textOf(content), attachments: attachmentsOf(content), callId }];
  });
  const rest = blocks.filter((block) => !('toolResult' in block) && !('cachePoint' in block));
  if (rest.length === 0 && turns.length > 0) return turns;
  return [...turns, { role, text: textOf(rest), attachments: attachmentsOf(rest), callId: '' }];
}

const toolsOf = (config: Json): OfferedTool[] =>
  objectsIn(config, 'tools').flatMap((tool) => {
    const spec = tool['toolSpec'];
    if (!isObject(spec)) return [];
    const schema = objectIn(spec, 'inputSchema')['json'];
    return [{ name: textIn(spec, 'name'), schema: isSchema(schema) ? schema : { type: 'object' } }];
  });

function choiceOf(config: Json): Choice {
  const choice = objectIn(config, 'toolChoice');
  const named = choice['tool'];
  if (isObject(named)) return { name: textIn(named, 'name') };
  return 'any' in choice ? 'required' : 'auto';
}

/** Each maker has a way of its own to ask for reasoning; a budget is as good as medium. */
function effortOf(fields: Json): string | undefined {
  const thinking = textIn(objectIn(fields, 'thinking'), 'type');
  if (thinking === 'enabled') return 'medium';
  if (thinking === 'adaptive') return textIn(objectIn(fields, 'output_config'), 'effort') || 'medium';
  const config = objectIn(fields, 'reasoningConfig');
  if (config['type'] === 'enabled') return textIn(config, 'maxReasoningEffort') || 'medium';
  return textIn(fields, 'reasoning_effort') || undefined;
}

/** The schema comes as text. */
function formatOf(body: Json): Query['format'] {
  const format = objectIn(objectIn(body, 'outputConfig'), 'textFormat');
  if (format['type'] !== 'json_schema') return 'text';
  const schema: unknown = parseBody(textIn(objectIn(objectIn(format, 'structure'), 'jsonSchema'), 'schema'));
  return isSchema(schema) ? schema : 'json';
}

function queryOf(body: Json, model: string, stream: boolean): Query {
  const messages = messagesIn(body, 'messages');
  if (messages[0]?.['role'] !== 'user') throw badRequest('A conversation must start with a user message.', 'messages');
  checkToolPairs(
    messages.map((message) => ({ calls: idsIn(message, 'toolUse'), results: idsIn(message, 'toolResult') })),
  );
  const inference = objectIn(body, 'inferenceConfig');
  number(inference, 'temperature', 0, 1, false);
  number(inference, 'topP', 0, 1, false);
  const fields = objectIn(body, 'additionalModelRequestFields');
  const config = objectIn(body, 'toolConfig');
  const tools = toolsOf(config);
  const called = messages.some((message) => idsIn(message, 'toolUse').length > 0);
  if (called && tools.length === 0) {
    throw badRequest('The toolConfig field must be defined when using toolUse and toolResult content blocks.', null);
  }
  const system = textOf(objectsIn(body, 'system'));
  return {
    ...unasked,
    model,
    turns: [...systemTurns(system), ...messages.flatMap(turnsOf)],
    stream,
    maxTokens: limitIn(inference, 'maxTokens'),
    stop: stopIn(inference, 'stopSequences'),
    tools,
    choice: choiceOf(config),
    parallel: objectIn(fields, 'tool_choice')['disable_parallel_tool_use'] !== true,
    format: formatOf(body),
    effort: effortOf(fields),
    showReasoning: objectIn(fields, 'thinking')['display'] !== 'omitted',
  };
}

const endpoint = /\/model\/([^/]+)\/(converse|converse-stream)$/;

export const isConversePath = (path: string): boolean => endpoint.test(path);

/** Reads a body of Converse or ConverseStream. Throws a SimulatedError of 400. */
export function parseConverse(path: string, text: string): ParsedRequest {
  const [, named = '', method] = endpoint.exec(path) ?? [];
  const body = parseBody(text);
  const model = decodeURIComponent(named);
  // Fields for the model stand apart here, knobs among them.
  const knobs = { ...objectIn(body, 'additionalModelRequestFields'), ...body };
  return requestFor(model, knobs, () => queryOf(body, model, method === 'converse-stream'));
}
