import { safeParse } from 'zod';
import { isComposite, type Schema } from './schema-path.ts';

/**
 * What a text from the environment means where `schema` stands: JSON for a list or map, a number or a truth value where
 * those are wanted, else the text itself (which the schema may still refuse). Throws SyntaxError for bad JSON.
 */
export function fromText(schema: Schema, text: string): unknown {
  if (isComposite(schema)) return JSON.parse(text);
  if (safeParse(schema, text).success || !/^(true|false|-?\d+(\.\d+)?)$/.test(text)) return text;
  return JSON.parse(text);
}
