import type { JsonSchemaFormat, ResponseFormat } from '../../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { invalidField } from '../../../kernel/fault.ts';
import { type Extra, keepMember, readNested } from './extra.ts';
import type { Place } from './place.ts';
import { fields, ignore, isObject, objectAt, readMembers, setBoolean, setString, setText, stringAt } from './read.ts';

const schemaFields = fields<JsonSchemaFormat>({
  name: setString('name'),
  description: setString('description'),
  schema: (format, value, at, key) => {
    if (!isObject(value) && typeof value !== 'boolean') throw invalidField(at.pathOf(key), 'must be a JSON Schema');
    setText('schema')(format, value, at, key);
  },
  strict: setBoolean('strict'),
});

const types: ReadonlySet<string> = new Set(['text', 'json_object', 'json_schema', 'grammar']);

/** The type of a format, and of each the member that says the rest. */
const outerFields = fields<unknown>({ type: ignore, json_schema: ignore, grammar: ignore });

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
  if (!types.has(type)) {
    keepMember(extra, key, at.textOf(key));
    return undefined;
  }
  const unknown = readMembers(undefined, object, place, outerFields);
  if (unknown !== undefined) keepMember(extra, key, unknown);
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
      if (inner['*'] !== undefined) keepMember(extra, key, inner['*']);
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
