import { instanceOf, spacedJson } from './json-schema.ts';
import type { OfferedTool, Query } from './query.ts';
import type { Random } from './random.ts';
import { badRequest } from './simulated-error.ts';
import { askedText } from './text.ts';

/** A call that the simulated model makes. */
export interface Call {
  readonly id: string;
  readonly name: string;
  /** JSON text of the arguments, or free text for a tool without a schema. */
  readonly input: string;
  /** Whether the tool takes free text. */
  readonly custom: boolean;
}

const spelled = (name: string): string => name.toLowerCase().replace(/[_\-.\s]+/g, ' ');

function mentioned(query: Query): OfferedTool[] {
  const asked = ` ${spelled(askedText(query))} `;
  return query.tools.filter((tool) => asked.includes(spelled(tool.name)));
}

function named(query: Query, name: string, param: string): OfferedTool {
  const tool = query.tools.find((one) => one.name === name);
  if (tool === undefined) throw badRequest(`There is no tool "${name}" among the tools.`, param);
  return tool;
}

/** Which tools are called, by the request's choice, the `call` knob, or because the user names them. */
function chosen(query: Query, knob: string | undefined): OfferedTool[] {
  const { tools, choice } = query;
  if (typeof choice === 'object') return [named(query, choice.name, 'tool_choice')];
  if (choice === 'none' || tools.length === 0) return [];
  if (knob === 'all') return [...tools];
  if (knob !== undefined) return knob.split('+').map((name) => named(query, name, 'call'));
  const wanted = mentioned(query);
  return wanted.length === 0 && choice === 'required' ? tools.slice(0, 1) : wanted;
}

/** The calls of an answer; none once a tool has answered, so that a conversation comes to its end. */
export function callsOf(query: Query, knob: string | undefined, random: Random): Call[] {
  const tools = chosen(query, knob);
  if (query.turns.at(-1)?.role === 'tool') return [];
  return (query.parallel ? tools : tools.slice(0, 1)).map((tool) => ({
    id: `call_${random.id(24)}`,
    name: tool.name,
    input:
      tool.schema === undefined ? `simulated input of ${tool.name}` : spacedJson(instanceOf(tool.schema, random) ?? {}),
    custom: tool.schema === undefined,
  }));
}
