import { type ToolCall, ToolCallType } from '../../../../gen/es/llmbridge/v1/tool_pb.ts';
import { invalidField } from '../../../kernel/fault.ts';
import { newToolCall } from '../../../kernel/messages.ts';
import { keep, readNested } from './extra.ts';
import { extraAt } from './own-extra.ts';
import type { Place } from './place.ts';
import {
  arrayAt,
  type Field,
  fields,
  ignore,
  isObject,
  objectAt,
  own,
  readMembers,
  setString,
  stringAt,
} from './read.ts';

/** A tool call and the proof that its provider gave with it. */
export interface SignedCall {
  readonly call: ToolCall;
  signature: string;
  /** Whose it is; empty where it is not told. */
  signedBy: string;
}

/** Arguments are text; the object that some clients keep instead is taken as they wrote it. */
const setArguments: Field<ToolCall> = (call, value, at, key) => {
  call.arguments = isObject(value) ? at.textOf(key) : stringAt(value, at, key);
};

const functionFields = fields<ToolCall>({ name: setString('name'), arguments: setArguments });
const customFields = fields<ToolCall>({ name: setString('name'), input: setString('arguments') });

const callFields = fields<SignedCall>({
  id: ({ call }, value, at, key) => setString('id')(call, value, at, key),
  type: ignore,
  // Left over in histories that were collected from a stream.
  index: ignore,
  function: ({ call }, value, at, key) => {
    readNested(call, value, at, key, functionFields, call.extra);
  },
  custom: ({ call }, value, at, key) => {
    call.type = ToolCallType.CUSTOM;
    readNested(call, value, at, key, customFields, call.extra);
  },
  signature: own(setString('signature')),
  signed_by: own(setString('signedBy')),
  extra: ({ call }, value, at, key) => extraAt(call, value, at, key),
});

/** `tool_calls` of an assistant's message. */
export function toolCallsAt(value: unknown, at: Place, key: string): SignedCall[] {
  const place = at.at(key);
  return arrayAt(value, at, key).map((item, i) => {
    const object = objectAt(item, place, i);
    const callPlace = place.at(i);
    const type = (object['type'] ?? null) === null ? 'function' : stringAt(object['type'], callPlace, 'type');
    if (type !== 'function' && type !== 'custom')
      throw invalidField(callPlace.pathOf('type'), 'must be "function" or "custom"');
    if ((object[type] ?? null) === null) throw invalidField(callPlace.pathOf(type), 'is required');
    const signed: SignedCall = { call: newToolCall('', '', ''), signature: '', signedBy: '' };
    const unknown = readMembers(signed, object, callPlace, callFields);
    if (unknown !== undefined) keep(signed.call.extra, unknown);
    return signed;
  });
}

/** `function_call`, OpenAI's first form of a tool call. It has no id, so it is given one that its answer shares. */
export function functionCallOf(value: unknown, at: Place, key: string, id: string): SignedCall {
  const call = newToolCall('', '', '');
  call.id = id;
  readNested(call, value, at, key, functionFields, call.extra);
  return { call, signature: '', signedBy: '' };
}
