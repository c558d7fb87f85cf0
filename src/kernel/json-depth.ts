/** Deepest nesting of arrays and objects that is taken: of a body, and of each JSON text in a message. */
export const maxJsonDepth = 64;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Whether JSON is nested too deeply to be walked by recursion, without parsing it. */
export function isTooDeep(json: Buffer): boolean {
  let depth = 0;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i];
    if (byte === QUOTE) {
      i = endOfString(json, i + 1);
      if (i < 0) return false;
    } else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > maxJsonDepth) return true;
    } else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return false;
}

/** Index of the quote that closes a string; -1 for none. */
function endOfString(json: Buffer, start: number): number {
  // Keys and short texts byte by byte; the search of long ones (pictures) is the runtime's.
  for (let i = start; i < start + 48; i++) {
    const byte = json[i];
    if (byte === BACKSLASH) i++;
    else if (byte === QUOTE) return i;
    else if (byte === undefined) return -1;
  }
  let from = start;
  for (;;) {
    const quote = json.indexOf(QUOTE, from);
    if (quote < 0) return -1;
    let slashes = 0;
    while (json[quote - 1 - slashes] === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return quote;
    from = quote + 1;
  }
}
