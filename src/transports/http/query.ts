import { type DescMessage, fromJson, type JsonValue, type Message, ScalarType } from '@bufbuild/protobuf';
import { invalidField } from '../../kernel/fault.ts';
import { decodePercent } from './routes.ts';

/**
 * Makes a request of a path's variables and a query. Parameters that the message does not have are left alone: SDKs
 * and proxies add their own.
 */
export function requestOf(input: DescMessage, variables: Readonly<Record<string, string>>, query: string): Message {
  const json: Record<string, JsonValue> = {};
  for (const pair of query === '' ? [] : query.split('&')) {
    const equals = pair.indexOf('=');
    const name = decodePercent(equals < 0 ? pair : pair.slice(0, equals), 'query');
    set(input, json, name, decodePercent(equals < 0 ? '' : pair.slice(equals + 1).replaceAll('+', ' '), name));
  }
  for (const name in variables) json[name] = variables[name] ?? '';
  return fromJson(input, json);
}

function set(input: DescMessage, json: Record<string, JsonValue>, name: string, text: string): void {
  const field = input.fields.find((each) => each.name === name);
  if (field === undefined) return;
  if (field.fieldKind === 'list' && field.listKind === 'scalar') {
    const list = json[name];
    json[name] = [...(Array.isArray(list) ? list : []), scalar(field.scalar, text, name)];
  } else if (field.fieldKind === 'scalar') json[name] = scalar(field.scalar, text, name);
  else throw invalidField(name, 'cannot be given in a query');
}

function scalar(type: ScalarType, text: string, name: string): JsonValue {
  if (type === ScalarType.STRING) return text;
  if (type === ScalarType.BOOL) {
    if (text !== 'true' && text !== 'false') throw invalidField(name, 'must be true or false');
    return text === 'true';
  }
  if (!/^-?\d+(?:\.\d+)?$/.test(text)) throw invalidField(name, 'must be a number');
  return text;
}
