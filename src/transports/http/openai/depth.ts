import { Fault } from '../../../kernel/fault.ts';

/** Deepest nesting of arrays and objects in a body. */
const maxDepth = 64;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Refuses JSON that is nested too deeply, without parsing it. */
export function checkDepth(json: Buffer, limit = maxDepth): void {
  let depth = 0;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i];
    if (byte === QUOTE) {
      i = endOfString(json, i + 1);
      if (i < 0) return;
    } else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > limit) throw new Fault('BODY_INVALID', `the body is nested more than ${limit} levels deep`);
    } else if (byte === 0x7d || byte === 0x5d) depth--;
  }
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
