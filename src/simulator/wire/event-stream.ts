import { crc32 } from 'node:zlib';

/** Length of a message around its headers and payload: prelude, its checksum, and the message's own. */
const FRAME = 16;
const STRING = 7;

/** One message of AWS's event stream (`application/vnd.amazon.eventstream`), with headers of strings. */
export function eventStreamMessage(headers: Readonly<Record<string, string>>, payload: string): Buffer {
  const heads = Object.entries(headers).map(([name, value]) => {
    const length = Buffer.byteLength(value);
    const typed = Buffer.from([STRING, length >> 8, length & 0xff]);
    return Buffer.concat([Buffer.from([name.length]), Buffer.from(name), typed, Buffer.from(value)]);
  });
  const head = Buffer.concat(heads);
  const body = Buffer.from(payload);
  const message = Buffer.alloc(FRAME + head.length + body.length);
  message.writeUInt32BE(message.length, 0);
  message.writeUInt32BE(head.length, 4);
  message.writeUInt32BE(crc32(message.subarray(0, 8)), 8);
  head.copy(message, 12);
  body.copy(message, 12 + head.length);
  message.writeUInt32BE(crc32(message.subarray(0, -4)), message.length - 4);
  return message;
}
