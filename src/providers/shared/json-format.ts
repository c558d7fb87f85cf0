import type { RawJson } from '../../kernel/json-text.ts';
import type { ChatRequest } from '../../kernel/messages.ts';
import type { Notes } from './notes.ts';
import { rawObject } from './raw-object.ts';

/** What JSON is asked for, of a schema or any, for dialects that have no more to say of it; undefined for text. */
export function jsonFormatOf({ responseFormat }: ChatRequest, notes: Notes): { schema?: RawJson } | undefined {
  const format = responseFormat?.format;
  if (format?.case === 'grammar') notes.dropped('response_format.grammar');
  if (format?.case === 'jsonObject') return {};
  if (format?.case !== 'jsonSchema') return undefined;
  if (format.value.description !== '') notes.dropped('response_format.json_schema.description');
  const schema = rawObject(format.value.schema);
  if (schema === undefined) notes.dropped('response_format.json_schema', 'the schema is not a JSON object');
  return schema ? { schema } : {};
}
