import { crc32 } from 'node:zlib';

const checksum = (bytes: Buffer): Buffer => {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(bytes));
  return sum;
};

const stringHeader = (name: string, value: string): Buffer => {
  const size = Buffer.alloc(2);
  size.writeUInt16BE(Buffer.byteLength(value));
  return Buffer.concat([Buffer.from([name.length]), Buffer.from(name), Buffer.from([7]), size, Buffer.from(value)]);
};

/** One message of AWS's event stream, with string headers, and `raw` ones before them. */
export function awsMessage(
  headers: Readonly<Record<string, string>>,
  payload: string,
  raw: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.concat([raw, ...Object.entries(headers).map(([name, value]) => stringHeader(name, value))]);
  const body = Buffer.from(payload);
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(16 + head.length + body.length, 0);
  lengths.writeUInt32BE(head.length, 4);
  const bytes = Buffer.concat([lengths, checksum(lengths), head, body]);
  return Buffer.concat([bytes, checksum(bytes)]);
}

/** An event as Bedrock sends it. */
export const awsEvent = (name: string, payload: string): Buffer =>
  awsMessage({ ':event-type': name, ':content-type': 'application/json', ':message-type': 'event' }, payload);

/** An exception as Bedrock sends it. */
export const awsException = (name: string, payload: string): Buffer =>
  awsMessage({ ':exception-type': name, ':content-type': 'application/json', ':message-type': 'exception' }, payload);
