import type { Tool } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import type { JsonInput } from '../../kernel/json-text.ts';
import { schemaOf } from './function-tool.ts';
import type { Notes } from './notes.ts';
import { withExtra } from './own-blocks.ts';
import { rawObject } from './raw-object.ts';

/**
 * Tools as OpenAI first spelled them, for dialects that know functions alone: `{"type":"function","function":{...}}`.
 * Those of the provider's own go as they are; where `names` has any, other functions are left out. Undefined for none.
 */
export function functionTools(
  tools: readonly Tool[],
  names: readonly string[],
  dialect: string,
  notes: Notes,
): JsonInput[] | undefined {
  const made: JsonInput[] = [];
  tools.forEach(({ tool, extra, cacheControl }, index) => {
    const path = `tools[${index}]`;
    if (cacheControl) notes.mapped(`${path}.cache_control`, 'the provider caches by itself');
    if (tool.case === 'native') {
      const { provider, json } = tool.value;
      const raw = provider === '' || provider === dialect ? rawObject(json) : undefined;
      if (raw) made.push(raw);
      else notes.dropped(`${path}.native`, `a tool of ${provider || 'no provider'}`);
    } else if (tool.case !== undefined && (names.length === 0 || names.includes(tool.value.name))) {
      const { name, description } = tool.value;
      const body = { name, description: description || undefined, parameters: schemaOf(tool, path, notes) };
      made.push(withExtra({ type: 'function', function: body }, extra, dialect, path, notes));
    }
  });
  return made.length > 0 ? made : undefined;
}
