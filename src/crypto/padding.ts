/** What the lengths of padded messages are: powers of two, or the multiples of so many bytes. */
export type Padding = 'pow2' | number;

/** What a message is written in: it says what padding readers pass over. */
export type Form = 'json' | 'binary';

/** The least length that `pow2` pads to, in bytes: shorter messages are told apart by little else than their lengths. */
const leastPower = 64;

/** The tag of the field that is padding in every sealed message of the protos: number 1000, of bytes. */
const tag = [0xc2, 0x3e] as const;
const space = 0x20;

/** The first length of `padding` that is `length` bytes or more. */
function lengthFor(length: number, padding: Padding): number {
  if (padding !== 'pow2') return Math.max(1, Math.ceil(length / padding)) * padding;
  return Math.max(leastPower, 2 ** Math.ceil(Math.log2(Math.max(1, length))));
}

/**
 * Fills a message up, behind its end, to a length that tells less of it (docs/sealing.md, "Padding"): JSON with spaces,
 * the binary form of Protocol Buffers with a field of zero bytes that no message has.
 */
export function pad(message: Uint8Array, form: Form, padding: Padding): Uint8Array {
  let length = lengthFor(message.length, padding);
  // The shortest field is three bytes.
  const shortest = form === 'json' ? 1 : 3;
  while (length !== message.length && length - message.length < shortest) length = lengthFor(length + 1, padding);
  if (length === message.length) return message;
  const padded = Buffer.alloc(length, form === 'json' ? space : 0);
  padded.set(message);
  if (form === 'binary') writeField(padded, message.length);
  return padded;
}

/** Makes the zero bytes from `at` to the end one field; or two, where no length of one field comes out at the end. */
function writeField(bytes: Uint8Array, at: number): void {
  bytes.set(tag, at);
  const rest = bytes.length - at - tag.length;
  let sizeOfLength = 1;
  while (rest - sizeOfLength >= 2 ** (7 * sizeOfLength)) sizeOfLength++;
  const length = rest - sizeOfLength;
  if (sizeOfLength > 1 && length < 2 ** (7 * (sizeOfLength - 1))) {
    writeField(bytes, at + tag.length + 1);
    return;
  }
  for (let i = 0; i < sizeOfLength; i++) {
    const more = i < sizeOfLength - 1 ? 0x80 : 0;
    bytes[at + tag.length + i] = (Math.floor(length / 2 ** (7 * i)) & 0x7f) | more;
  }
}
