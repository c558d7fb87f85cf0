import type { JsonSchemaFormat, ResponseFormat } from '../../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { invalidField } from '../../../kernel/fault.ts';
import { type Extra, keep, readNested } from './extra.ts';
import type { Place } from './place.ts';
import { fields, isObject, objectAt, setBoolean, setString, setText, stringAt } from './read.ts';

const schemaFields = fields<JsonSchemaFormat>({
  name: setString('name'),
  description: setString('description'),
  schema: (format, value, at, key) => {
    if (!isObject(value) && typeof value !== 'boolean') throw invalidField(at.pathOf(key), 'must be a JSON Schema');
    setText('schema')(format, value, at, key);
  },
  strict: setBoolean('strict'),
});

/** The members that each type has; more of them travel in `extra`. */
const known: ReadonlyMap<string, readonly string[]> = new Map([
  ['text', ['type']],
  ['json_object', ['type']],
  ['json_schema', ['type', 'json_schema']],
  ['grammar', ['type', 'grammar']],
]);

const format = (value: ResponseFormat['format']): ResponseFormat => ({
  $typeName: 'llmbridge.v1.ResponseFormat',
  format: value,
});

/**
 * `response_format` in OpenAI's forms, and `{"type": "grammar", "grammar": "..."}` (GBNF) or
 * `{"type": "grammar", "grammar": {"syntax", "definition"}}`. Another type travels in `extra` as it stands.
 */
export function responseFormatAt(value: unknown, at: Place, key: string, extra: Extra): ResponseFormat | undefined {
  const object = objectAt(value, at, key);
  const place = at.at(key);
  const type = stringAt(object['type'], place, 'type');
  const members = known.get(type);
  if (members === undefined || Object.keys(object).some((name) => !members.includes(name)))
    keep(extra, `{${JSON.stringify(key)}:${at.textOf(key)}}`);
  switch (type) {
    case 'text':
      return format({ case: 'text', value: { $typeName: 'llmbridge.v1.TextFormat' } });
    case 'json_object':
      return format({ case: 'jsonObject', value: { $typeName: 'llmbridge.v1.JsonObjectFormat' } });
    case 'json_schema': {
      const schema: JsonSchemaFormat = {
        $typeName: 'llmbridge.v1.JsonSchemaFormat',
        name: '',
        description: '',
        schema: '',
        strict: undefined,
      };
      const inner: Extra = {};
      readNested(schema, object['json_schema'], place, 'json_schema', schemaFields, inner);
      if (inner['*'] !== undefined) keep(extra, `{${JSON.stringify(key)}:${at.textOf(key)}}`);
      return format({ case: 'jsonSchema', value: schema });
    }
    case 'grammar':
      return format({ case: 'grammar', value: grammarAt(object['grammar'], place) });
    default:
      return undefined;
  }
}

function grammarAt(value: unknown, at: Place) {
  if (typeof value === 'string')
    return { $typeName: 'llmbridge.v1.GrammarFormat', syntax: 'gbnf', definition: value } as const;
  const object = objectAt(value, at, 'grammar');
  const place = at.at('grammar');
  return {
    $typeName: 'llmbridge.v1.GrammarFormat',
    syntax: stringAt(object['syntax'], place, 'syntax'),
    definition: stringAt(object['definition'], place, 'definition'),
  } as const;
}
