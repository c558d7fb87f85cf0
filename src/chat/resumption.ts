import { Fault } from '../kernel/fault.ts';
import type { ChatChunk } from '../kernel/messages.ts';

/** What of an answer has reached the caller, as far as another attempt could take it up. */
export class SentText {
  content = '';
  reasoning = '';
  /** Whether something came that can't be said again: a tool call, a signature, a picture, a second choice, the end. */
  unrepeatable = false;

  add({ choices }: ChatChunk): void {
    for (const { index, delta, logprobs, finishReason } of choices) {
      if (index !== 0 || logprobs !== undefined || finishReason !== 0) this.unrepeatable = true;
      if (delta === undefined) continue;
      this.content += delta.content;
      this.reasoning += delta.reasoningContent;
      if (delta.toolCalls.length > 0 || delta.parts.length > 0 || delta.refusal !== '') this.unrepeatable = true;
    }
  }
}

/**
 * Takes a new attempt's chunks, and leaves of them what the caller has not had yet. What was sent must come again,
 * letter by letter; where it does not, the answer can't be taken up honestly. `lenient` drops a repetition where there
 * is one, and asks for none.
 */
export class Resumption {
  #content: string;
  #reasoning: string;
  readonly #lenient: boolean;

  constructor(content: string, reasoning: string, lenient: boolean) {
    this.#content = content;
    this.#reasoning = reasoning;
    this.#lenient = lenient;
  }

  /** What is left of a chunk; undefined for nothing. Throws PROVIDER_STREAM_CUT where the answers part. */
  take(chunk: ChatChunk): ChatChunk | undefined {
    let says = chunk.choices.length === 0;
    for (const { index, delta, finishReason } of chunk.choices) {
      if (delta !== undefined) {
        delta.role = 0;
        const marked = delta.toolCalls.length > 0 || delta.parts.length > 0 || delta.refusal !== '' || index !== 0;
        if (marked && !this.#caughtUp) throw parted();
        delta.reasoningContent = this.#takeReasoning(delta.reasoningContent);
        delta.content = this.#takeContent(delta.content);
        says ||= marked || delta.content !== '' || delta.reasoningContent !== '';
      }
      if (finishReason === 0) continue;
      if (!this.#caughtUp) throw parted();
      says = true;
    }
    return says ? chunk : undefined;
  }

  get #caughtUp(): boolean {
    return this.#lenient || (this.#content === '' && this.#reasoning === '');
  }

  #takeContent(text: string): string {
    if (text === '' || this.#content === '') return text;
    const length = Math.min(text.length, this.#content.length);
    if (this.#content.slice(0, length) !== text.slice(0, length)) {
      if (!this.#lenient) throw parted();
      this.#content = '';
      return text;
    }
    this.#content = this.#content.slice(length);
    return text.slice(length);
  }

  #takeReasoning(text: string): string {
    // A continuation thinks anew, if at all; the caller has had the thoughts that belong to the text.
    if (this.#lenient) return '';
    if (text === '') return text;
    const length = Math.min(text.length, this.#reasoning.length);
    if (this.#reasoning.slice(0, length) !== text.slice(0, length)) throw parted();
    // Thoughts beyond those that were sent would come after the text.
    if (text.length > length && this.#content !== '') throw parted();
    this.#reasoning = this.#reasoning.slice(length);
    return text.slice(length);
  }
}

const parted = (): Fault =>
  new Fault('PROVIDER_STREAM_CUT', 'the answer broke off, and another attempt gave a different one');
