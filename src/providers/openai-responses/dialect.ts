import { members, RawJson, toJson } from '../../kernel/json-text.ts';
import { type JsonObject, parseObject } from '../shared/json-body.ts';
import { rawObject } from '../shared/raw-object.ts';

/**
 * The name under which blocks and extra fields of this dialect's messages stand, wherever it is served. It is not the
 * provider's type: the same provider's Chat Completions would not know them.
 */
export const dialect = 'openai-responses';

type Extra = { readonly [provider: string]: string };

/** `extra` with JSON object text under this dialect's name; empty for no text. */
export const extraOf = (json: string): { [provider: string]: string } => (json === '' ? {} : { [dialect]: json });

/**
 * Content parts stand within an item, which has fields of its own: they travel in the part's extra as `item`, beside the
 * part's. `item` and `rest` are JSON object texts, '' for none.
 */
export function partExtra(item: string, rest = ''): { [provider: string]: string } {
  const own = rest === '' ? [] : members(rest);
  const fields: Record<string, RawJson> = item === '' ? {} : { item: new RawJson(item) };
  for (const [name, value] of own) fields[name] = new RawJson(value);
  const json = toJson(fields);
  return json === '{}' ? {} : extraOf(json);
}

/**
 * What `partExtra` put together: the item's fields and the part's, each as JSON text by name. They may come back without
 * the dialect's name, from callers that speak JSON.
 */
export function splitExtra(extra: Extra): { item: Map<string, string>; rest: Map<string, string>; id: string } {
  const rest = new Map([...fieldsOf(extra['*']), ...fieldsOf(extra[dialect])]);
  const text = rest.get('item');
  rest.delete('item');
  if (text === undefined || !text.startsWith('{')) return { item: new Map(), rest, id: '' };
  const fields: JsonObject = parseObject(text);
  const id = fields['id'];
  return { item: members(text), rest, id: typeof id === 'string' ? id : '' };
}

const fieldsOf = (json: string | undefined): Map<string, string> =>
  members(json === undefined ? '' : (rawObject(json)?.text ?? ''));
