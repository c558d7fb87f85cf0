/** Takes out of text what a terminal would act on. */
export type Plain = (text: string) => string;

/**
 * For text of others on its way to a stream: where that is a terminal, escape sequences (ECMA-48, sections 5.3 to 5.6)
 * and all control characters but line feed and tab are left out, also where a sequence comes in pieces; elsewhere
 * nothing is. One for each run of text: it remembers a sequence that is still open.
 */
export const plainWriter = (stream: NodeJS.WriteStream): Plain => (stream.isTTY ? createPlain() : (text) => text);

/** The same for a text that is whole. */
export const plain = (stream: NodeJS.WriteStream, text: string): string => plainWriter(stream)(text);

/** For JSON text: DEL and C1, which JSON carries as they are, become escapes where the stream is a terminal. */
export const plainJson = (stream: NodeJS.WriteStream, json: string): string =>
  stream.isTTY
    ? json.replace(/[\x7f-\x9f]/g, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`)
    : json;

/** In text; behind an ESC; in a control sequence; in a string that BEL or ST ends. */
type Place = 'text' | 'escape' | 'sequence' | 'string';

function createPlain(): Plain {
  let place: Place = 'text';

  /** Whether the character is part of the escape sequence that is open. No sequence outlives its line. */
  function belongs(code: number): boolean {
    if (place === 'text' || code === LF) return false;
    if (place === 'string') {
      if (code === BEL || code === ST) place = 'text';
      return code !== ESC;
    }
    if (code < 0x20 || code > 0x7e) return false;
    if (place === 'escape' && code > 0x2f) place = opened(code + 0x40);
    else if (place === 'sequence' && code > 0x3f) place = 'text';
    return true;
  }

  return (text) => {
    let kept = '';
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (belongs(code)) continue;
      place = code === ESC ? 'escape' : opened(code);
      if (!isControl(code)) kept += text[i];
    }
    return kept;
  };
}

const isControl = (code: number): boolean =>
  (code < 0x20 && code !== LF && code !== TAB) || (code >= 0x7f && code <= 0x9f);

const [TAB, LF, BEL, ESC, ST] = [0x09, 0x0a, 0x07, 0x1b, 0x9c];

/** What a C1 character begins: CSI a sequence; DCS, SOS, OSC, PM and APC a string. ESC and a letter are one, too. */
function opened(code: number): Place {
  if (code === 0x9b) return 'sequence';
  return STRINGS.has(code) ? 'string' : 'text';
}

const STRINGS: ReadonlySet<number> = new Set([0x90, 0x98, 0x9d, 0x9e, 0x9f]);
