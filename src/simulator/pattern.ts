import type { Random } from './random.ts';

const MOST_CHARACTERS = 256;
const DEFAULT_REPEATS = 2;

const lower = 'abcdefghijklmnopqrstuvwxyz';
const digits = '0123456789';
const escapes: Readonly<Record<string, string>> = {
  d: digits,
  w: lower + digits,
  s: ' ',
  D: lower,
  W: '-',
  S: lower,
  t: '\t',
  n: '\n',
  r: '\r',
};
const anyCharacter = lower + digits;

/** Writes a text that fits a simple regular expression: literals, classes, groups, alternatives and quantifiers. */
class Sampler {
  readonly #source: string;
  readonly #random: Random;
  #at = 0;
  #budget = MOST_CHARACTERS;

  constructor(source: string, random: Random) {
    this.#source = source;
    this.#random = random;
  }

  alternatives(): string {
    const found = [this.#sequence()];
    while (this.#source[this.#at] === '|') {
      this.#at++;
      found.push(this.#sequence());
    }
    return this.#random.pick(found) ?? '';
  }

  #sequence(): string {
    let text = '';
    while (this.#at < this.#source.length && !'|)'.includes(this.#source[this.#at] as string)) text += this.#term();
    return text;
  }

  #term(): string {
    const start = this.#at;
    const once = this.#atom();
    const end = this.#at;
    const [least, most] = this.#quantifier();
    const times = this.#random.integer(least, most);
    if (times === 0) return '';
    let text = once;
    const after = this.#at;
    for (let i = 1; i < times && this.#budget > 0; i++) {
      this.#at = start;
      text += this.#atom();
    }
    this.#at = times > 1 ? after : Math.max(after, end);
    return text;
  }

  #atom(): string {
    const char = this.#source[this.#at++] as string;
    this.#budget--;
    if (char === '^' || char === '$') return '';
    if (char === '.') return this.#random.pick([...anyCharacter]) ?? '';
    if (char === '[') return this.#class();
    if (char === '\\') return this.#escape();
    if (char !== '(') return char;
    const group = /^\?(?:[:=!]|<[=!]|<\w+>)/.exec(this.#source.slice(this.#at))?.[0] ?? '';
    this.#at += group.length;
    const text = this.alternatives();
    this.#at++;
    return /^\?<?[=!]/.test(group) ? '' : text;
  }

  #escape(): string {
    const char = this.#source[this.#at++] ?? '';
    if (char === 'b' || char === 'B') return '';
    const set = escapes[char];
    return set === undefined ? char : (this.#random.pick([...set]) ?? '');
  }

  #class(): string {
    const negated = this.#source[this.#at] === '^';
    if (negated) this.#at++;
    let members = '';
    while (this.#at < this.#source.length && this.#source[this.#at] !== ']') {
      let char = this.#source[this.#at++] as string;
      if (char === '\\') {
        const escaped = this.#source[this.#at++] ?? '';
        const set = escapes[escaped];
        if (set !== undefined) {
          members += set;
          continue;
        }
        char = escaped;
      }
      const next = this.#source[this.#at + 1];
      if (this.#source[this.#at] === '-' && next !== undefined && next !== ']') {
        this.#at += 2;
        for (let code = char.charCodeAt(0); code <= next.charCodeAt(0); code++) members += String.fromCharCode(code);
      } else members += char;
    }
    this.#at++;
    const allowed = negated ? [...`${anyCharacter}-_ ABC`].filter((one) => !members.includes(one)) : [...members];
    return this.#random.pick(allowed) ?? '';
  }

  #quantifier(): [least: number, most: number] {
    const [all, symbol, least, comma, most] =
      /^(?:([*+?])|\{(\d+)(,?)(\d*)\})[?+]?/.exec(this.#source.slice(this.#at, this.#at + 32)) ?? [];
    if (all === undefined) return [1, 1];
    this.#at += all.length;
    if (symbol === '?') return [0, 1];
    if (symbol !== undefined) return symbol === '*' ? [0, DEFAULT_REPEATS] : [1, DEFAULT_REPEATS];
    const from = Math.min(Number(least), MOST_CHARACTERS);
    if (comma === '') return [from, from];
    return [from, most === '' ? from + DEFAULT_REPEATS : Math.max(from, Math.min(Number(most), MOST_CHARACTERS))];
  }
}

/** A text that fits the pattern of a JSON Schema, as far as the pattern is simple. */
export const sampleOf = (pattern: string, random: Random): string => new Sampler(pattern, random).alternatives();
