import type { ParsedRequest } from '../dialect.ts';
import { type Choice, type OfferedTool, type Query, systemTurns, type Turn, unasked } from '../query.ts';
import { isSignatureOf } from '../signature.ts';
import { badRequest } from '../simulated-error.ts';
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
  stopIn,
  textIn,
} from './request-body.ts';
import { checkToolPairs } from './tool-pairs.ts';

const LEAST_BUDGET = 1_024;

const textBlock = (text: string): Json => ({ type: 'text', text });

/** Content as blocks, where it may be plain text. */
const blocksIn = (message: Json): readonly Json[] => {
  const text = message['content'];
  return typeof text === 'string' ? [textBlock(text)] : objectsIn(message, 'content');
};

const textOf = (blocks: readonly Json[]): string => blocks.map((block) => textIn(block, 'text')).join('');

const attachments = new Set(['image', 'document', 'container_upload']);

const attachmentsOf = (blocks: readonly Json[]): number =>
  blocks.filter((block) => attachments.has(textIn(block, 'type'))).length;

const isResult = (block: Json): boolean => block['type'] === 'tool_result';

function checkThinking(blocks: readonly Json[], at: number): void {
  for (const [index, block] of blocks.entries()) {
    if (block['type'] !== 'thinking' || isSignatureOf(block['signature'], textIn(block, 'thinking'))) continue;
    throw badRequest(`messages.${at}.content.${index}: Invalid \`signature\` in \`thinking\` block`, 'messages');
  }
}

/** A message as turns: the results of tools each by itself, the rest as one. */
function turnsOf(message: Json, at: number): Turn[] {
  const role = textIn(message, 'role');
  if (role !== 'user' && role !== 'assistant') {
    throw badRequest(`messages.${at}.role: must be user or assistant`, `messages.${at}.role`);
  }
  const blocks = blocksIn(message);
  if (blocks.some((block) => block['type'] === 'text' && textIn(block, 'text') === '')) {
    throw badRequest('messages: text content blocks must be non-empty', 'messages');
  }
  checkThinking(blocks, at);
  const turns = blocks.filter(isResult).map((result): Turn => {
    const content = blocksIn(result);
    const callId = textIn(result, 'tool_use_id');
    return { role: 'tool', text: textOf(content), attachments: attachmentsOf(content), callId };
  });
  const rest = blocks.filter((block) => !isResult(block));
  if (rest.length === 0 && turns.length > 0) return turns;
  return [...turns, { role, text: textOf(rest), attachments: attachmentsOf(rest), callId: '' }];
}

/** Tools with a schema; those that the provider runs itself are none of the simulator's. */
const toolsOf = (body: Json): OfferedTool[] =>
  objectsIn(body, 'tools').flatMap((tool) => {
    const schema = tool['input_schema'];
    return isSchema(schema) ? [{ name: textIn(tool, 'name'), schema }] : [];
  });

const choices: Readonly<Record<string, Choice>> = { auto: 'auto', any: 'required', none: 'none' };

function choiceOf(choice: Json): Choice {
  const type = textIn(choice, 'type');
  return type === 'tool' ? { name: textIn(choice, 'name') } : (choices[type] ?? 'auto');
}

/** How hard it thinks, in OpenAI's words; a budget is as good as medium. */
function effortOf(body: Json, maxTokens: number, choice: Choice): string | undefined {
  const thinking = objectIn(body, 'thinking');
  const type = textIn(thinking, 'type');
  if (type !== 'enabled' && type !== 'adaptive') return undefined;
  if (choice === 'required' || typeof choice === 'object') {
    throw badRequest('Thinking may not be enabled when tool_choice forces tool use.', 'thinking');
  }
  if (type === 'adaptive') return textIn(objectIn(body, 'output_config'), 'effort') || 'medium';
  const budget = number(thinking, 'budget_tokens', LEAST_BUDGET, Number.MAX_SAFE_INTEGER, true);
  if (budget === undefined) throw badRequest('thinking.enabled.budget_tokens: Field required', 'thinking');
  if (budget >= maxTokens) throw badRequest('`max_tokens` must be greater than `thinking.budget_tokens`', 'max_tokens');
  return 'medium';
}

function formatOf(body: Json): Query['format'] {
  const format = objectIn(objectIn(body, 'output_config'), 'format');
  const { schema } = format;
  return format['type'] === 'json_schema' && isSchema(schema) ? schema : 'text';
}

function queryOf(body: Json, model: string, stream: boolean): Query {
  const maxTokens = limitIn(body, 'max_tokens');
  if (maxTokens === undefined) throw badRequest('max_tokens: Field required', 'max_tokens');
  const messages = messagesIn(body, 'messages');
  number(body, 'temperature', 0, 1, false);
  number(body, 'top_p', 0, 1, false);
  checkToolPairs(
    messages.map((message) => ({
      calls: blocksIn(message).flatMap((block) => (block['type'] === 'tool_use' ? [textIn(block, 'id')] : [])),
      results: blocksIn(message).flatMap((block) => (isResult(block) ? [textIn(block, 'tool_use_id')] : [])),
    })),
  );
  const system = body['system'] === undefined ? '' : textOf(blocksIn({ content: body['system'] }));
  const toolChoice = objectIn(body, 'tool_choice');
  const choice = choiceOf(toolChoice);
  return {
    ...unasked,
    model,
    turns: [...systemTurns(system), ...messages.flatMap(turnsOf)],
    stream,
    maxTokens,
    stop: stopIn(body, 'stop_sequences'),
    tools: toolsOf(body),
    choice,
    parallel: toolChoice['disable_parallel_tool_use'] !== true,
    format: formatOf(body),
    effort: effortOf(body, maxTokens, choice),
    showReasoning: objectIn(body, 'thinking')['display'] !== 'omitted',
  };
}

/** On Vertex AI the model and the kind of answer stand in the path. */
const onVertex = /\/models\/([^/]+):(rawPredict|streamRawPredict)$/;

/** Whether the path is one of the Messages API, or of its models on Vertex AI. */
export const isMessagesPath = (path: string): boolean => path.endsWith('/messages') || onVertex.test(path);

/** Reads a body of the Messages API ("Create a Message"). Throws a SimulatedError of 400. */
export function parseMessages(path: string, text: string): ParsedRequest {
  const body = parseBody(text);
  const [, named, method] = onVertex.exec(path) ?? [];
  const model = named === undefined ? modelIn(body) : decodeURIComponent(named);
  const stream = body['stream'] === true || method === 'streamRawPredict';
  return requestFor(model, body, () => queryOf(body, model, stream));
}
