// Hides the length of a plaintext, as docs/sealing.md, "Padding", says: filled up to the next power of two, 64 at least.

const least = 64;
const space = 0x20;
/** Field 1000, of bytes. */
const tag = [0xc2, 0x3e] as const;

/** Fills a plaintext up with what its readers pass over: spaces behind JSON, a field of zero bytes behind the binary form. */
export function pad(plaintext: Uint8Array, form: 'json' | 'binary'): Uint8Array {
  let length = least;
  // The shortest field has three bytes.
  while (length < plaintext.length || (form === 'binary' && [1, 2].includes(length - plaintext.length))) length *= 2;
  const padded = new Uint8Array(length).fill(form === 'json' ? space : 0);
  padded.set(plaintext);
  if (form === 'binary' && length > plaintext.length) padded.set(field(length - plaintext.length), plaintext.length);
  return padded;
}

/** A field of so many bytes in all; two, where no one field has that length. */
function field(bytes: number): number[] {
  for (let digits = 1; ; digits++) {
    const length = bytes - tag.length - digits;
    if (length >= 128 ** digits) continue;
    if (length < 128 ** (digits - 1) && digits > 1) return [...tag, 0, ...field(bytes - tag.length - 1)];
    const varint = Array.from({ length: digits }, (_, i) => (Math.floor(length / 128 ** i) % 128) | 128);
    varint.push((varint.pop() ?? 0) & 127);
    return [...tag, ...varint];
  }
}
