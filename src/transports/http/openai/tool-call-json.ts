import { type ToolCall, type ToolCallDelta, ToolCallType } from '../../../../gen/es/llmbridge/v1/tool_pb.ts';
import { object, ownedExtra, quote, stringMember } from './json-writer.ts';

const own = new Set(['id', 'type', 'function', 'custom', 'index', 'signature', 'signed_by', 'extra']);

/** An entry of `tool_calls`. `signature` is the members with the proof that the provider gave with it; empty for none. */
export const toolCallJson = (call: ToolCall, signature: string): string =>
  object(
    `"id":${quote(call.id)},` +
      (call.type === ToolCallType.CUSTOM
        ? `"type":"custom","custom":{"name":${quote(call.name)},"input":${quote(call.arguments)}},`
        : `"type":"function","function":${functionJson(call)},`) +
      signature +
      ownedExtra(call.extra, own),
  );

/** `function_call`, OpenAI's first form. */
export const functionJson = ({ name, arguments: text }: { name: string; arguments: string }): string =>
  `{"name":${quote(name)},"arguments":${quote(text)}}`;

/** An entry of a chunk's `tool_calls`; `custom` tells the kind, which only the call's first piece says itself. */
export function toolCallDeltaJson(delta: ToolCallDelta, custom: boolean, signature: string): string {
  const kind = custom ? 'custom' : 'function';
  const text = custom ? 'input' : 'arguments';
  const first = delta.id !== '' || delta.name !== '';
  return object(
    `"index":${delta.index},` +
      stringMember('id', delta.id) +
      (first ? `"type":"${kind}",` : '') +
      `"${kind}":{${stringMember('name', delta.name)}"${text}":${quote(delta.arguments)}},` +
      signature +
      ownedExtra(delta.extra, own),
  );
}
