import {
  type DescMessage,
  fromBinary,
  fromJsonString,
  type JsonReadOptions,
  type JsonWriteOptions,
  type Message,
  toBinary,
  toJsonString,
} from '@bufbuild/protobuf';
import type { Coding } from '../rpc/compression.ts';
import { binaryFrame, frame } from '../rpc/frame.ts';

/** A form of messages: protobuf's binary one, or its canonical JSON. */
export interface Codec {
  /** Throws an error whose message tells the caller what is wrong. */
  decode(desc: DescMessage, bytes: Uint8Array): Message;
  encode(desc: DescMessage, message: Message): string | Uint8Array;
  /** The message with its length before it. */
  frame(desc: DescMessage, message: Message, coding: Coding | undefined): Buffer;
}

export const protoCodec: Codec = {
  decode(desc, bytes) {
    try {
      return fromBinary(desc, bytes);
    } catch (thrown) {
      throw new Error(`parse binary: ${thrown instanceof Error ? thrown.message : String(thrown)}`, { cause: thrown });
    }
  },
  encode: toBinary,
  frame: binaryFrame,
};

/** Bad UTF-8 is refused, not replaced. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

export function jsonCodec(options: Partial<JsonReadOptions & JsonWriteOptions>): Codec {
  const encode = (desc: DescMessage, message: Message): string => toJsonString(desc, message, options);
  return {
    decode: (desc, bytes) => fromJsonString(desc, utf8.decode(bytes), options),
    encode,
    frame: (desc, message, coding) => frame(Buffer.from(encode(desc, message)), coding),
  };
}
