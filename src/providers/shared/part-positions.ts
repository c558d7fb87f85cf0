type Kind = 'text' | 'reasoning' | 'tool_call' | 'other';

/**
 * Where the parts of a streamed message stand, for PartDelta.index. Parts come into being in order of arrival: text and
 * reasoning continue a last part of their kind or begin one, each tool call and each part of another kind begins one.
 * One for each choice; every piece has to be told, in the order that a chunk is read: parts, reasoning, text, tool calls.
 */
export class PartPositions {
  #count = 0;
  #last: Kind = 'other';
  readonly #calls = new Set<number>();

  /** The index of the part that text belongs to now. */
  text(): number {
    return this.#continue('text');
  }

  /** The index of the part that reasoning belongs to now. */
  reasoning(): number {
    return this.#continue('reasoning');
  }

  /** To be called for each tool call delta; only the first of an index begins a part. */
  toolCall(index: number): void {
    if (this.#calls.has(index)) return;
    this.#calls.add(index);
    this.begin('tool_call');
  }

  /** Begins a part, also where the last one is of the same kind. */
  begin(kind: Kind = 'other'): number {
    this.#last = kind;
    return this.#count++;
  }

  #continue(kind: Kind): number {
    return this.#count > 0 && this.#last === kind ? this.#count - 1 : this.begin(kind);
  }
}
