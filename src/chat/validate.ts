import type { ChatCompletionRequest } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role, RoleSchema } from '../../gen/es/llmbridge/v1/content_pb.ts';
import { invalidField } from '../kernel/fault.ts';
import { isTooDeep, maxJsonDepth } from '../kernel/json-depth.ts';

/** Refuses what no provider could make sense of, and JSON text that is not JSON: adapters slice it unchecked. */
export function validate(request: ChatCompletionRequest): void {
  if (request.messages.length === 0) throw invalidField('messages', 'must have at least one message');
  request.messages.forEach((message, i) => {
    const at = `messages[${i}]`;
    if (message.role === Role.UNSPECIFIED) throw invalidField(`${at}.role`, 'is required');
    if (RoleSchema.value[message.role] === undefined) throw invalidField(`${at}.role`, 'is not known');
    message.parts.forEach(({ part, extra }, j) => {
      if (part.case === undefined) throw invalidField(`${at}.parts[${j}]`, 'is empty, or of a kind unknown here');
      if (part.case === 'native') requireJson(`${at}.parts[${j}].native.json`, part.value.json);
      requireObjects(`${at}.parts[${j}].extra`, extra);
    });
    message.toolCalls.forEach((call, j) => {
      if (call.name === '') throw invalidField(`${at}.tool_calls[${j}].name`, 'is required');
      requireObjects(`${at}.tool_calls[${j}].extra`, call.extra);
    });
    requireObjects(`${at}.extra`, message.extra);
  });
  request.tools.forEach(({ tool, extra }, i) => {
    const at = `tools[${i}]`;
    if (tool.case === undefined) throw invalidField(at, 'is empty, or of a kind unknown here');
    if (tool.case === 'native') requireJson(`${at}.native.json`, tool.value.json, isObject);
    else if (tool.value.name === '') throw invalidField(`${at}.${tool.case}.name`, 'is required');
    if (tool.case === 'function' && tool.value.parameters !== '') {
      requireJson(`${at}.function.parameters`, tool.value.parameters, isObject);
    }
    if (tool.case === 'custom' && tool.value.format !== '')
      requireJson(`${at}.custom.format`, tool.value.format, isObject);
    requireObjects(`${at}.extra`, extra);
  });
  const format = request.responseFormat?.format;
  if (format?.case === 'jsonSchema' && format.value.schema !== '') {
    requireJson('response_format.json_schema.schema', format.value.schema);
  }
  if (request.toolChoice && request.toolChoice.native !== '')
    requireJson('tool_choice.native', request.toolChoice.native);
  requireObjects('extra', request.extra);
  requireFinite(request);
}

/** Protobuf has NaN and the infinities, JSON has not: a provider would be told nothing. */
function requireFinite(request: ChatCompletionRequest): void {
  const numbers = {
    temperature: request.temperature,
    top_p: request.topP,
    presence_penalty: request.presencePenalty,
    frequency_penalty: request.frequencyPenalty,
  };
  for (const [field, value] of Object.entries(numbers)) {
    if (value !== undefined && !Number.isFinite(value)) throw invalidField(field, 'must be a finite number');
  }
  for (const token in request.logitBias) {
    if (!Number.isFinite(request.logitBias[token]))
      throw invalidField(`logit_bias.${token}`, 'must be a finite number');
  }
}

const isObject = (value: unknown) => value !== null && typeof value === 'object' && !Array.isArray(value);

function requireJson(field: string, text: string, accept: (value: unknown) => boolean = () => true): void {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalidField(field, 'is not JSON');
  }
  if (!accept(value)) throw invalidField(field, 'must be a JSON object');
  // Every level takes two characters.
  if (text.length > 2 * maxJsonDepth && isTooDeep(Buffer.from(text)))
    throw invalidField(field, `is nested more than ${maxJsonDepth} levels deep`);
}

function requireObjects(field: string, extra: Readonly<Record<string, string>>): void {
  for (const key in extra) requireJson(`${field}[${JSON.stringify(key)}]`, extra[key] ?? '', isObject);
}
