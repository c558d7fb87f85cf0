import { type ToolChoice, ToolChoiceMode } from '../../../../gen/es/llmbridge/v1/tool_pb.ts';
import { invalidField } from '../../../kernel/fault.ts';
import { type Extra, keepMember, readNested } from './extra.ts';
import type { Place } from './place.ts';
import { fields, ignore, isObject, type JsonObject, objectAt, readMembers, setString, stringAt } from './read.ts';

const modes: ReadonlyMap<string, ToolChoiceMode> = new Map([
  ['auto', ToolChoiceMode.AUTO],
  ['none', ToolChoiceMode.NONE],
  ['required', ToolChoiceMode.REQUIRED],
]);

const choice = (mode: ToolChoiceMode, name = '', allowed: string[] = [], native = ''): ToolChoice => ({
  $typeName: 'llmbridge.v1.ToolChoice',
  mode,
  name,
  allowed,
  native,
});

/** The type of a choice, and of each the member that names the tool. */
const outerFields = fields<unknown>({ type: ignore, function: ignore, custom: ignore });
const nameFields = fields<{ name: string }>({ name: setString('name') });

/** `tool_choice`: a word, one tool, a set of allowed tools, or a provider's own form, which is kept as it stands. */
export function toolChoiceAt(value: unknown, at: Place, key: string, extra: Extra): ToolChoice {
  const native = () => choice(ToolChoiceMode.UNSPECIFIED, '', [], at.textOf(key));
  if (typeof value === 'string') {
    const mode = modes.get(value);
    return mode === undefined ? native() : choice(mode);
  }
  if (!isObject(value)) throw invalidField(at.pathOf(key), 'must be a string or an object');
  const place = at.at(key);
  const type = stringAt(value['type'], place, 'type');
  if (type === 'function' || type === 'custom') {
    const name = nameOf(value, place, type);
    keepRest(value, place, key, type, extra);
    return choice(ToolChoiceMode.REQUIRED, name);
  }
  if (type === 'allowed_tools') return allowedTools(value, place) ?? native();
  return native();
}

/** `function_call`, OpenAI's first form of the choice. */
export function functionCallAt(value: unknown, at: Place, key: string): ToolChoice {
  if (typeof value === 'string') {
    const mode = modes.get(value);
    if (mode === undefined)
      throw invalidField(at.pathOf(key), 'must be "auto", "none" or a function\'s name in an object');
    return choice(mode);
  }
  return choice(ToolChoiceMode.REQUIRED, stringAt(objectAt(value, at, key)['name'], at.at(key), 'name'));
}

function nameOf(value: JsonObject, at: Place, type: string): string {
  return stringAt(objectAt(value[type], at, type)['name'], at.at(type), 'name');
}

/** What the choice of one tool says beyond its name. */
function keepRest(value: JsonObject, at: Place, key: string, type: string, extra: Extra): void {
  const unknown = readMembers(undefined, value, at, outerFields);
  if (unknown !== undefined) keepMember(extra, key, unknown);
  const inner: Extra = {};
  readNested({ name: '' }, value[type], at, type, nameFields, inner);
  if (inner['*'] !== undefined) keepMember(extra, key, inner['*']);
}

/** `{"type": "allowed_tools", "allowed_tools": {"mode", "tools"}}`; undefined if some tool has no name of its own. */
function allowedTools(value: JsonObject, at: Place): ToolChoice | undefined {
  const inner = objectAt(value['allowed_tools'], at, 'allowed_tools');
  const place = at.at('allowed_tools');
  const word = stringAt(inner['mode'], place, 'mode');
  const mode = modes.get(word);
  if (mode === undefined) throw invalidField(place.pathOf('mode'), 'must be "auto" or "required"');
  const tools = inner['tools'];
  if (!Array.isArray(tools)) throw invalidField(place.pathOf('tools'), 'must be an array');
  const toolsPlace = place.at('tools');
  const names: string[] = [];
  for (let i = 0; i < tools.length; i++) {
    const tool = objectAt(tools[i], toolsPlace, i);
    const type = stringAt(tool['type'], toolsPlace.at(i), 'type');
    if (type !== 'function' && type !== 'custom') return undefined;
    names.push(nameOf(tool, toolsPlace.at(i), type));
  }
  return choice(mode, '', names);
}
