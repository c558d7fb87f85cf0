import { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { ChatChunk, ChunkChoice, Delta } from '../../kernel/messages.ts';

/** One for all: between two messages nothing is left in it but the room it has grown to. */
const writer = new BinaryWriter();
const prefix = new Uint8Array(5);

/** In characters. Larger chunks are not worth keeping the room for. */
const mostText = 4 * 1024;

const varint = 0;
const delimited = 2;
const tag = (field: number, wireType: number): number => (field << 3) | wireType;

/**
 * A chunk of text as one gRPC frame, written in one go: what nearly every message of a stream is. Undefined for a chunk
 * with anything else in it, which protobuf-es encodes; the bytes are the same.
 */
export function textChunkFrame(chunk: ChatChunk): Buffer | undefined {
  if (!isText(chunk)) return undefined;
  try {
    writer.raw(prefix);
    writeChunk(chunk);
  } catch (thrown) {
    // What has been written of it must not come before the next one.
    writer.finish();
    throw thrown;
  }
  const { buffer, byteOffset, byteLength } = writer.finish();
  const frame = Buffer.from(buffer, byteOffset, byteLength);
  frame.writeUInt32BE(byteLength - prefix.length, 1);
  return frame;
}

/** Whether nothing is set that `textChunkFrame` does not write. */
function isText(chunk: ChatChunk): boolean {
  if (chunk.usage !== undefined || chunk.report !== undefined || chunk.sealed !== undefined) return false;
  if (chunk.$unknown !== undefined || hasAny(chunk.extra)) return false;
  let length = chunk.id.length + chunk.model.length + chunk.systemFingerprint.length + chunk.serviceTier.length;
  for (const choice of chunk.choices) {
    const { delta } = choice;
    if (choice.logprobs !== undefined || choice.$unknown !== undefined || hasAny(choice.extra)) return false;
    if (delta === undefined || delta.toolCalls.length > 0 || delta.parts.length > 0) return false;
    if (delta.$unknown !== undefined) return false;
    length += delta.content.length + delta.reasoningContent.length + delta.refusal.length;
    length += choice.nativeFinishReason.length;
  }
  return length <= mostText;
}

function hasAny(map: Readonly<Record<string, string>>): boolean {
  for (const _ in map) return true;
  return false;
}

function writeChunk(chunk: ChatChunk): void {
  text(1, chunk.id);
  for (const choice of chunk.choices) writeChoice(choice);
  text(3, chunk.model);
  number(4, chunk.created);
  text(6, chunk.systemFingerprint);
  text(7, chunk.serviceTier);
}

function writeChoice(choice: ChunkChoice): void {
  writer.uint32(tag(2, delimited)).fork();
  number(1, choice.index);
  if (choice.delta !== undefined) writeDelta(choice.delta);
  enumeration(3, choice.finishReason);
  text(4, choice.nativeFinishReason);
  writer.join();
}

function writeDelta(delta: Delta): void {
  writer.uint32(tag(2, delimited)).fork();
  enumeration(1, delta.role);
  text(2, delta.content);
  text(4, delta.reasoningContent);
  text(5, delta.refusal);
  writer.join();
}

function text(field: number, value: string): void {
  if (value !== '') writer.uint32(tag(field, delimited)).string(value);
}

function number(field: number, value: number): void {
  if (value !== 0) writer.uint32(tag(field, varint)).uint32(value);
}

/** Enums are open, and may be negative. */
function enumeration(field: number, value: number): void {
  if (value !== 0) writer.uint32(tag(field, varint)).int32(value);
}
