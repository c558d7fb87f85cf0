import { type ToolCallDelta, ToolCallType } from '../../../gen/es/llmbridge/v1/tool_pb.ts';
import { valueAt } from '../../kernel/json-text.ts';
import { newToolCallDelta } from '../../kernel/messages.ts';
import { HalfCharacters } from '../shared/half-characters.ts';
import { isObject, type JsonObject, text } from '../shared/json-body.ts';
import type { PartPositions } from '../shared/part-positions.ts';
import { unknownFields } from './unknown-fields.ts';

const known: ReadonlySet<string> = new Set(['index', 'id', 'type', 'function', 'custom']);

interface Known {
  readonly index: number;
  readonly given: number;
  id: string;
  readonly input: HalfCharacters;
}

/**
 * Gives the tool calls of one choice stable indices. Not every provider numbers them, and some give every call the
 * index 0: a new id is a new call, whatever its index.
 */
export class ToolCallReader {
  readonly #positions: PartPositions;
  readonly #calls: Known[] = [];

  constructor(positions: PartPositions) {
    this.#positions = positions;
  }

  /** `nth` is the call's place in its list, for providers that give no index. */
  read(raw: JsonObject, nth: number, json: string, path: readonly (string | number)[], type: string): ToolCallDelta {
    const id = text(raw['id']);
    const body = isObject(raw['function']) ? raw['function'] : isObject(raw['custom']) ? raw['custom'] : {};
    const given = typeof raw['index'] === 'number' ? raw['index'] : undefined;
    let call = this.#find(id, given, nth, text(body['name']) !== '');
    const delta = newToolCallDelta(call?.index ?? this.#calls.length);
    if (call === undefined) {
      call = { index: delta.index, given: given ?? nth, id, input: new HalfCharacters() };
      this.#calls.push(call);
      delta.id = id;
      delta.name = text(body['name']);
      delta.type = isObject(raw['custom']) ? ToolCallType.CUSTOM : ToolCallType.FUNCTION;
    } else if (call.id === '' && id !== '') {
      call.id = id;
      delta.id = id;
    }
    this.#positions.toolCall(delta.index);
    const input = body['arguments'] ?? body['input'];
    if (typeof input === 'string') delta.arguments = call.input.join(input);
    // Arguments as an object, not as text, are taken in their own spelling.
    else if (isObject(input)) delta.arguments = valueAt(json, [...path, 'function', 'arguments']) ?? '';
    const rest = unknownFields(raw, known, json, path);
    if (rest !== '') delta.extra[type] = rest;
    return delta;
  }

  #find(id: string, given: number | undefined, nth: number, named: boolean): Known | undefined {
    if (id !== '') {
      const same = this.#calls.findLast((call) => call.id === id);
      if (same !== undefined) return same;
    }
    const at = given ?? nth;
    const held = this.#calls.findLast((call) => call.given === at);
    if (held === undefined) {
      // A continuation without index and id belongs to the last call.
      return given === undefined && id === '' && !named ? this.#calls.at(-1) : undefined;
    }
    return id !== '' && held.id !== '' && held.id !== id ? undefined : held;
  }
}
