import type { ParsedRequest } from '../dialect.ts';
import type { JsonSchema } from '../json-schema.ts';
import { type Choice, type OfferedTool, type Query, systemTurns, type Turn, unasked } from '../query.ts';
import { isSignature } from '../signature.ts';
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
  seedIn,
  stopIn,
  textIn,
} from './request-body.ts';

/** An OpenAPI schema of this API as JSON Schema: its types are in capitals. */
function schemaOf(value: unknown): JsonSchema | undefined {
  const lower = (one: unknown): unknown => {
    if (Array.isArray(one)) return one.map(lower);
    if (!isObject(one)) return one;
    return Object.fromEntries(
      Object.entries(one).map(([name, member]) => [
        name,
        name === 'type' && typeof member === 'string' ? member.toLowerCase() : lower(member),
      ]),
    );
  };
  const schema = lower(value);
  return isSchema(schema) ? schema : undefined;
}

const isAttachment = (part: Json): boolean => 'inlineData' in part || 'fileData' in part;

/** A content as turns: what functions answered each by itself, the rest as one. */
function turnsOf(content: Json, at: number): Turn[] {
  const role = textIn(content, 'role') || 'user';
  if (role !== 'user' && role !== 'model' && role !== 'function') {
    throw badRequest('Please use a valid role: user, model.', `contents[${at}].role`);
  }
  const parts = objectsIn(content, 'parts');
  if (parts.length === 0) {
    throw badRequest(`* GenerateContentRequest.contents[${at}].parts: contents.parts must not be empty.`, 'contents');
  }
  if (parts.some((part) => 'thoughtSignature' in part && !isSignature(part['thoughtSignature']))) {
    throw badRequest('Thought signature is not valid.', `contents[${at}].parts`);
  }
  const turns = parts.flatMap((part): Turn[] => {
    const response = part['functionResponse'];
    if (!isObject(response)) return [];
    const attachments = objectsIn(response, 'parts').filter(isAttachment).length;
    const text = JSON.stringify(response['response'] ?? {});
    return [{ role: 'tool', text, attachments, callId: textIn(response, 'id') || textIn(response, 'name') }];
  });
  const rest = parts.filter((part) => !('functionResponse' in part));
  if (rest.length === 0) return turns;
  const text = rest.map((part) => (part['thought'] === true ? '' : textIn(part, 'text'))).join('');
  const attachments = rest.filter(isAttachment).length;
  return [...turns, { role: role === 'model' ? 'assistant' : 'user', text, attachments, callId: '' }];
}

/** A function's answer has to follow the call of that name. */
function checkCalls(contents: readonly Json[]): void {
  const namesIn = (content: Json | undefined, kind: string) =>
    objectsIn(content ?? {}, 'parts').flatMap((part) => (kind in part ? [textIn(objectIn(part, kind), 'name')] : []));
  for (const [at, content] of contents.entries()) {
    const called = namesIn(contents[at - 1], 'functionCall');
    const answered = namesIn(content, 'functionResponse');
    if (answered.length === 0) continue;
    if (answered.length === called.length && answered.every((name) => called.includes(name))) continue;
    const message =
      'Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.';
    throw badRequest(message, 'contents');
  }
}

const toolsOf = (body: Json): OfferedTool[] =>
  objectsIn(body, 'tools').flatMap((tool) =>
    objectsIn(tool, 'functionDeclarations').map((declared) => ({
      name: textIn(declared, 'name'),
      schema: schemaOf(declared['parametersJsonSchema'] ?? declared['parameters']) ?? { type: 'object' },
    })),
  );

function choiceOf(config: Json): { readonly choice: Choice; readonly allowed: readonly string[] } {
  const names = config['allowedFunctionNames'];
  const allowed = Array.isArray(names) ? names.map(String) : [];
  const [only] = allowed;
  switch (config['mode']) {
    case 'NONE':
      return { choice: 'none', allowed };
    case 'ANY':
      return { choice: only !== undefined && allowed.length === 1 ? { name: only } : 'required', allowed };
    default:
      return { choice: 'auto', allowed };
  }
}

function formatOf(config: Json): Query['format'] {
  if (config['responseMimeType'] !== 'application/json') return 'text';
  return schemaOf(config['responseJsonSchema'] ?? config['responseSchema']) ?? 'json';
}

/** How hard it thinks, in OpenAI's words; a budget is as good as medium. */
function effortOf(thinking: Json): string | undefined {
  const level = textIn(thinking, 'thinkingLevel').toLowerCase();
  if (level !== '') return level;
  const budget = number(thinking, 'thinkingBudget', -1, Number.MAX_SAFE_INTEGER, true);
  return budget === 0 || (budget === undefined && thinking['includeThoughts'] !== true) ? undefined : 'medium';
}

function queryOf(body: Json, model: string, stream: boolean): Query {
  const contents = messagesIn(body, 'contents');
  checkCalls(contents);
  const config = objectIn(body, 'generationConfig');
  number(config, 'temperature', 0, 2, false);
  number(config, 'topP', 0, 1, false);
  const thinking = objectIn(config, 'thinkingConfig');
  const { choice, allowed } = choiceOf(objectIn(objectIn(body, 'toolConfig'), 'functionCallingConfig'));
  const tools = toolsOf(body);
  const system = objectsIn(objectIn(body, 'systemInstruction'), 'parts')
    .map((part) => textIn(part, 'text'))
    .join('');
  return {
    ...unasked,
    model,
    turns: [...systemTurns(system), ...contents.flatMap(turnsOf)],
    stream,
    maxTokens: limitIn(config, 'maxOutputTokens'),
    stop: stopIn(config, 'stopSequences'),
    n: number(config, 'candidateCount', 1, 8, true) ?? 1,
    seed: seedIn(config),
    tools: allowed.length === 0 ? tools : tools.filter(({ name }) => allowed.includes(name)),
    choice,
    format: formatOf(config),
    effort: effortOf(thinking),
    showReasoning: thinking['includeThoughts'] !== false,
  };
}

const endpoint = /\/models\/(.+):(generateContent|streamGenerateContent)$/;

export const isGeneratePath = (path: string): boolean => endpoint.test(path);

/** Reads a body of generateContent or streamGenerateContent. Throws a SimulatedError of 400. */
export function parseGenerate(path: string, text: string, search: string): ParsedRequest {
  const [, named = '', method] = endpoint.exec(path) ?? [];
  const stream = method === 'streamGenerateContent';
  if (stream && !search.split('&').includes('alt=sse')) {
    throw badRequest('The simulator streams with alt=sse only.', 'alt');
  }
  const body = parseBody(text);
  const model = decodeURIComponent(named);
  return requestFor(model, body, () => queryOf(body, model, stream));
}
