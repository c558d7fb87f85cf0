import type { Tool } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import { RawJson } from '../../kernel/json-text.ts';
import type { Notes } from './notes.ts';
import { rawObject } from './raw-object.ts';

const anyObject = new RawJson('{"type":"object","properties":{}}');

/** What a free-text tool becomes where there are only functions: one with a text. */
const freeText = new RawJson('{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}');

/** The schema of a function's or a free-text tool's input, for dialects that know functions alone and need a schema. */
export function schemaOf(tool: Tool['tool'] & { case: 'function' | 'custom' }, path: string, notes: Notes): RawJson {
  if (tool.case === 'custom') {
    notes.mapped(`${path}.custom`, 'a function with one text, "input"');
    if (tool.value.format !== '') notes.dropped(`${path}.custom.format`);
    return freeText;
  }
  const { parameters } = tool.value;
  if (parameters === '') return anyObject;
  const schema = rawObject(parameters);
  if (schema === undefined) notes.dropped(`${path}.function.parameters`, 'not a JSON object');
  return schema ?? anyObject;
}
