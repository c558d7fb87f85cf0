import { type DescMessage, type Message, toBinary } from '@bufbuild/protobuf';
import { StreamChatCompletionResponseSchema } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { ChatChunk } from '../../kernel/messages.ts';
import { textChunkFrame } from './chunk-frame.ts';
import type { Coding } from './compression.ts';

const prefixBytes = 5;

/** Smaller ones would not get smaller, larger ones would hold up every other call while they are compressed. */
export const leastCompressed = 1024;
export const mostCompressed = 64 * 1024;

/**
 * A message with its length before it, in one buffer (gRPC over HTTP/2, "Length-Prefixed-Message"). `flags`: those that a
 * protocol marks its last message with.
 */
export function frame(message: Uint8Array, coding: Coding | undefined, flags = 0): Buffer {
  const compress = coding !== undefined && message.length >= leastCompressed && message.length <= mostCompressed;
  const payload = compress ? coding.compress(message) : message;
  const bytes = Buffer.allocUnsafe(prefixBytes + payload.length);
  bytes[0] = compress ? flags | 1 : flags;
  bytes.writeUInt32BE(payload.length, 1);
  bytes.set(payload, prefixBytes);
  return bytes;
}

/** A message in protobuf's binary form as a frame. */
export function binaryFrame(desc: DescMessage, message: Message, coding: Coding | undefined): Buffer {
  const text =
    desc === StreamChatCompletionResponseSchema && coding === undefined
      ? textChunkFrame(message as ChatChunk)
      : undefined;
  return text ?? frame(toBinary(desc, message), coding);
}
