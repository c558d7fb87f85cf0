import { RawJson } from '../../kernel/json-text.ts';

/** `json` as it is, to be copied into a body; undefined unless it is the text of one JSON object. */
export function rawObject(json: string): RawJson | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? new RawJson(json.trim()) : undefined;
  } catch {
    return undefined;
  }
}
