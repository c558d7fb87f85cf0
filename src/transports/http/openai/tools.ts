import type { CustomTool, FunctionTool, Tool } from '../../../../gen/es/llmbridge/v1/tool_pb.ts';
import { invalidField } from '../../../kernel/fault.ts';
import { cacheControlAt } from './cache-control.ts';
import { keep, keepMember, readNested } from './extra.ts';
import type { Place } from './place.ts';
import {
  arrayAt,
  type Field,
  fields,
  ignore,
  objectAt,
  readMembers,
  setBoolean,
  setString,
  setText,
  stringAt,
} from './read.ts';

/** Kept as the caller wrote it: key order and long integers matter in a schema. */
const setSchema: Field<FunctionTool> = (tool, value, at, key) => {
  objectAt(value, at, key);
  setText('parameters')(tool, value, at, key);
};

const functionFields = fields<FunctionTool>({
  name: setString('name'),
  description: setString('description'),
  parameters: setSchema,
  strict: setBoolean('strict'),
});

const customFields = fields<CustomTool>({
  name: setString('name'),
  description: setString('description'),
  format: (tool, value, at, key) => {
    objectAt(value, at, key);
    setText('format')(tool, value, at, key);
  },
});

const toolFields = fields<Tool>({
  type: ignore,
  function: (tool, value, at, key) => {
    const fn = emptyFunction();
    readNested(fn, value, at, key, functionFields, tool.extra);
    tool.tool = { case: 'function', value: fn };
  },
  custom: (tool, value, at, key) => {
    const custom: CustomTool = { $typeName: 'llmbridge.v1.CustomTool', name: '', description: '', format: '' };
    readNested(custom, value, at, key, customFields, tool.extra);
    tool.tool = { case: 'custom', value: custom };
  },
  cache_control: (tool, value, at, key) => cacheControlAt(tool, value, at, key),
});

const emptyFunction = (): FunctionTool => ({
  $typeName: 'llmbridge.v1.FunctionTool',
  name: '',
  description: '',
  parameters: '',
  strict: undefined,
});

const emptyTool = (tool: Tool['tool']): Tool => ({
  $typeName: 'llmbridge.v1.Tool',
  tool,
  cacheControl: undefined,
  extra: {},
});

/** `tools`: functions, custom tools, and whatever else as a provider's own tool. */
export function toolsAt(value: unknown, at: Place, key: string): Tool[] {
  const place = at.at(key);
  return arrayAt(value, at, key).map((item, i) => {
    const object = objectAt(item, place, i);
    const toolPlace = place.at(i);
    const type = object['type'] === undefined ? 'function' : stringAt(object['type'], toolPlace, 'type');
    if (type !== 'function' && type !== 'custom') {
      return emptyTool({
        case: 'native',
        value: { $typeName: 'llmbridge.v1.NativeTool', provider: '', json: toolPlace.text },
      });
    }
    if ((object[type] ?? null) === null) throw invalidField(toolPlace.pathOf(type), 'is required');
    const tool = emptyTool({ case: undefined });
    const unknown = readMembers(tool, object, toolPlace, toolFields);
    if (tool.tool.case !== type) throw invalidField(toolPlace.pathOf('type'), 'does not fit the rest of the tool');
    if (unknown !== undefined) keep(tool.extra, unknown);
    return tool;
  });
}

/** `functions`, OpenAI's first form of tools. */
export function functionsAt(value: unknown, at: Place, key: string): Tool[] {
  const place = at.at(key);
  return arrayAt(value, at, key).map((item, i) => {
    const fn = emptyFunction();
    const unknown = readMembers(fn, objectAt(item, place, i), place.at(i), functionFields);
    const tool = emptyTool({ case: 'function', value: fn });
    if (unknown !== undefined) keepMember(tool.extra, 'function', unknown);
    return tool;
  });
}
