import { createHash } from 'node:crypto';
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { ChatCompletionRequestSchema, type ResponseFormat } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { ToolCallType } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import { members } from '../../kernel/json-text.ts';
import type { ChatRequest } from '../../kernel/messages.ts';

type Write = (value: unknown) => string;

interface FieldPlan {
  readonly name: string;
  readonly number: number;
  readonly write: Write;
  readonly isNeutral: (value: unknown, message: Readonly<Record<string, unknown>>) => boolean;
}

interface MessagePlan {
  readonly fields: readonly FieldPlan[];
  /** By the case's name. */
  readonly oneofs: readonly { readonly name: string; readonly cases: ReadonlyMap<string, FieldPlan> }[];
}

/** Marks for the provider's own cache of prompts; the answer is the same without them. */
const marks = new Set(['llmbridge.v1.CacheControl']);

/** What cannot change the answer, or stands in the key by itself; by the proto's names. */
const leftOut: ReadonlySet<string> = new Set([
  ...['model', 'provider', 'stream_options', 'user', 'safety_identifier', 'prompt_cache_key', 'store', 'metadata'].map(
    (field) => `ChatCompletionRequest.${field}`,
  ),
  'ChatCompletionRequest.sealed',
]);

/** Whitespace in these texts is nobody's meaning; the order of members in a schema may be. */
const jsonTexts: ReadonlySet<string> = new Set([
  'FunctionTool.parameters',
  'CustomTool.format',
  'JsonSchemaFormat.schema',
]);

/** Parts are the whole turn where there are any: the texts beside them are not read. */
const besideParts = (_: unknown, message: Readonly<Record<string, unknown>>): boolean =>
  (message['parts'] as readonly unknown[] | undefined)?.length !== 0 && message['parts'] !== undefined;

/** Values that say the same as the field's absence. */
const neutral: Readonly<Record<string, FieldPlan['isNeutral']>> = {
  'ChatCompletionRequest.n': (value) => value === 1,
  'ChatCompletionRequest.logprobs': (value) => value === false,
  'ChatCompletionRequest.modalities': (value) => Array.isArray(value) && value.length === 1 && value[0] === 'text',
  'ChatCompletionRequest.response_format': (value) => (value as ResponseFormat).format.case === 'text',
  'Message.content': besideParts,
  'Message.reasoning_content': besideParts,
  'Message.is_error': (value) => value === false,
  'ToolCall.type': (value) => value === ToolCallType.FUNCTION,
};

/** A text of any content, told apart from what follows it by its length. */
const text = (value: unknown): string => `${(value as string).length}"${value as string}`;
const plain = (value: unknown): string => `${String(value)};`;
const bytes = (value: unknown): string =>
  `#${createHash('sha256')
    .update(value as Uint8Array)
    .digest('base64')};`;

/** JSON text without the whitespace between its tokens. */
const compact = (json: string): string =>
  /\s/.test(json) ? json.replace(/("[^"\\]*(?:\\.[^"\\]*)*")|\s+/g, (_, quoted?: string) => quoted ?? '') : json;

/** Members of an object in the order of their names. */
const sortedMembers = (json: string): string =>
  [...members(json)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => text(name) + text(compact(value)))
    .join('');

const scalar = (type: ScalarType): Write =>
  type === ScalarType.STRING ? text : type === ScalarType.BYTES ? bytes : plain;

const isEmpty = (value: unknown): boolean => {
  if (value === '' || value === 0 || value === false || value === 0n) return true;
  return value instanceof Uint8Array && value.length === 0;
};

const plans = new Map<string, MessagePlan>();

function writerOf(field: DescField, path: string): Write {
  switch (field.fieldKind) {
    case 'scalar':
      return jsonTexts.has(path) ? (value) => text(compact(value as string)) : scalar(field.scalar);
    case 'enum':
      return plain;
    case 'message':
      return (value) => messageText(field.message, value);
    case 'list': {
      const { listKind } = field;
      const write: Write =
        listKind === 'message'
          ? (value) => messageText(field.message, value)
          : listKind === 'enum'
            ? plain
            : scalar(field.scalar);
      return (value) => {
        const items = value as readonly unknown[];
        let all = `${items.length}[`;
        for (const item of items) all += write(item);
        return all;
      };
    }
    case 'map': {
      if (field.mapKind === 'message') throw new Error(`no rule for the map ${path}`);
      const write: Write =
        field.name === 'extra'
          ? (value) => text(sortedMembers(value as string))
          : field.mapKind === 'enum'
            ? plain
            : scalar(field.scalar);
      return (value) => {
        const map = value as Readonly<Record<string, unknown>>;
        const names = Object.keys(map).sort();
        let all = `${names.length}<`;
        for (const name of names) all += text(name) + write(map[name]);
        return all;
      };
    }
  }
}

function isNeutralOf(field: DescField, path: string): FieldPlan['isNeutral'] {
  const own = neutral[path] ?? (() => false);
  if (field.fieldKind === 'list')
    return (value, message) => (value as readonly unknown[]).length === 0 || own(value, message);
  if (field.fieldKind === 'map') return (value) => Object.keys(value as object).length === 0;
  // Implicit presence: the default is the same as nothing.
  const implicit = field.presence === 2;
  return (value, message) => (implicit && isEmpty(value)) || own(value, message);
}

function planOf(desc: DescMessage): MessagePlan {
  const known = plans.get(desc.typeName);
  if (known !== undefined) return known;
  const fields: FieldPlan[] = [];
  const cases = new Map<string, Map<string, FieldPlan>>();
  for (const field of desc.fields) {
    const path = `${desc.name}.${field.name}`;
    if (leftOut.has(path) || (field.fieldKind === 'message' && marks.has(field.message.typeName))) continue;
    const write = writerOf(field, path);
    const plan = { name: field.localName, number: field.number, write, isNeutral: isNeutralOf(field, path) };
    if (field.oneof === undefined) fields.push(plan);
    else {
      const group = cases.get(field.oneof.localName) ?? new Map<string, FieldPlan>();
      cases.set(field.oneof.localName, group.set(field.localName, plan));
    }
  }
  const oneofs = [...cases].map(([name, group]) => ({ name, cases: group }));
  const plan = { fields, oneofs };
  plans.set(desc.typeName, plan);
  return plan;
}

function messageText(desc: DescMessage, value: unknown): string {
  const message = value as Readonly<Record<string, unknown>>;
  const { fields, oneofs } = planOf(desc);
  let all = '{';
  for (const { name, number, write, isNeutral } of fields) {
    const field = message[name];
    if (field === undefined || isNeutral(field, message)) continue;
    all += `${number}:${write(field)}`;
  }
  for (const { name, cases } of oneofs) {
    const set = message[name] as { readonly case?: string; readonly value?: unknown } | undefined;
    const chosen = set?.case === undefined ? undefined : cases.get(set.case);
    if (chosen !== undefined) all += `${chosen.number}:${chosen.write(set?.value)}`;
  }
  return `${all}}`;
}

/**
 * All of a request that may change its answer, as one text: equal for requests that ask the same, whatever entrance they
 * came by and in whatever order their maps stand, and for no others. It is made by the contract's own descriptors, so that
 * a field which is added there counts until it is left out here.
 */
export const canonicalText = (request: ChatRequest): string => messageText(ChatCompletionRequestSchema, request);
