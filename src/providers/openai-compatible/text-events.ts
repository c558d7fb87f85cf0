import { type ChatChunk, newChunk, newChunkChoice, newDelta } from '../../kernel/messages.ts';
import { isObject } from '../shared/json-body.ts';

const textMember = /[{,]\s*"content"\s*:\s*"/g;
/** Padding, new in each event. */
const paddingMember = /,\s*"obfuscation"\s*:\s*"/;

/** Events of another form, one after another, after which a stream is taken to have none. */
const mostMisses = 4;

/** The text of an event around its own text, and around its padding where it has some. */
interface Form {
  readonly before: string;
  readonly between: string;
  readonly after: string | undefined;
  /** What is said around the words. */
  readonly chunk: ChatChunk;
  readonly index: number;
}

/**
 * Nearly all events of a stream are alike but for a few words. Once one has been read whole, the next of its form is
 * known by what stands around the words, byte for byte, and only they are looked at: what comes of it is the same.
 */
export class TextEvents {
  #form: Form | undefined;
  #misses = 0;

  /** The words of an event of the known form; undefined for any other. */
  wordsOf(json: string): string | undefined {
    const form = this.#form;
    if (form === undefined || !stands(form.before, json, 0)) return undefined;
    const from = form.before.length;
    const end = endOfString(json, from);
    if (form.after === undefined) {
      if (end + form.between.length !== json.length || !stands(form.between, json, end)) return undefined;
    } else {
      if (!stands(form.between, json, end)) return undefined;
      const padding = end + form.between.length;
      const paddingEnd = endOfString(json, padding);
      if (paddingEnd + form.after.length !== json.length || !stands(form.after, json, paddingEnd)) return undefined;
      if (spelled(json.slice(padding, paddingEnd)) === undefined) return undefined;
    }
    return spelled(json.slice(from, end));
  }

  /** What an event of the known form says, without its words; the `source` is that of the event it is known by. */
  chunk(): ChatChunk {
    const chunk = newChunk();
    const form = this.#form;
    if (form === undefined) return chunk;
    chunk.id = form.chunk.id;
    chunk.model = form.chunk.model;
    chunk.created = form.chunk.created;
    chunk.systemFingerprint = form.chunk.systemFingerprint;
    chunk.serviceTier = form.chunk.serviceTier;
    chunk.source = form.chunk.source;
    chunk.choices = [newChunkChoice(form.index, newDelta())];
    return chunk;
  }

  /** Looks at an event that was read whole, the second of its choice or a later one, and what it said. */
  learn(json: string, choices: readonly unknown[], chunk: ChatChunk): void {
    if (this.#misses >= mostMisses || !saysWordsOnly(choices, chunk)) return;
    this.#misses++;
    const [found, another] = json.matchAll(textMember);
    if (found === undefined || another !== undefined) return;
    const from = found.index + found[0].length;
    const end = endOfString(json, from);
    const padding = paddingMember.exec(json.slice(end));
    const middle = padding === null ? json.length : end + padding.index + padding[0].length;
    this.#form = {
      before: copied(json.slice(0, from)),
      between: copied(json.slice(end, middle)),
      after: padding === null ? undefined : copied(json.slice(endOfString(json, middle))),
      chunk: { ...chunk },
      index: chunk.choices[0]?.index ?? 0,
    };
  }

  /** An event was of the known form. */
  matched(): void {
    this.#misses = 0;
  }
}

/** Whether a text has this piece at a place. Slices are compared many bytes at a time, which `startsWith` is not. */
const stands = (piece: string, text: string, at: number): boolean => text.slice(at, at + piece.length) === piece;

/** The same text as a string of its own: a slice of another keeps that, and is slower to compare. */
const copied = (text: string): string => Buffer.from(text).toString();

/** Where the string ends whose first character stands at `from`: its closing quote. */
function endOfString(json: string, from: number): number {
  for (let quote = json.indexOf('"', from); quote !== -1; quote = json.indexOf('"', quote + 1)) {
    let before = quote - 1;
    while (before >= from && json.charCodeAt(before) === 0x5c) before--;
    if ((quote - before) % 2 === 1) return quote;
  }
  return json.length;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON strings have none
const special = /[\\\u0000-\u001f]/;

/** What a JSON string without its quotes says; undefined where it is none. */
function spelled(text: string): string | undefined {
  if (!special.test(text)) return text;
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return undefined;
  }
}

/** Whether an event has one choice, and says nothing in it but words. */
function saysWordsOnly([raw]: readonly unknown[], { choices, usage, extra }: ChatChunk): boolean {
  const [choice] = choices;
  const delta = choice?.delta;
  if (choice === undefined || delta === undefined || choices.length !== 1 || usage !== undefined) return false;
  if (!isObject(raw) || !isObject(raw['delta']) || typeof raw['delta']['content'] !== 'string') return false;
  if (delta.content === '' || delta.reasoningContent !== '' || delta.refusal !== '' || delta.role !== 0) return false;
  if (delta.toolCalls.length > 0 || delta.parts.length > 0 || choice.logprobs !== undefined) return false;
  if (choice.finishReason !== 0 || choice.nativeFinishReason !== '') return false;
  return isEmpty(choice.extra) && isEmpty(extra);
}

function isEmpty(map: Readonly<Record<string, string>>): boolean {
  for (const _ in map) return false;
  return true;
}
