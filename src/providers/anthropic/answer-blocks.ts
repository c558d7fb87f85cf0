import type { Citation } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import type { EmitChunk } from '../../kernel/adapter.ts';
import { elements, members, splice, valueAt } from '../../kernel/json-text.ts';
import { type BlockChunks, nativePart, reasoningPart, textPart } from '../shared/block-chunks.ts';
import { isObject, type JsonObject, list, text } from '../shared/json-body.ts';
import { leftovers } from '../shared/leftovers.ts';
import { dialect, extraOf } from './dialect.ts';

const typed = {
  text: new Set(['type', 'text', 'citations']),
  thinking: new Set(['type', 'thinking', 'signature']),
  redacted_thinking: new Set(['type', 'data']),
  tool_use: new Set(['type', 'id', 'name', 'input']),
};

/** The content blocks of one answer, whole or in deltas, as chunks. A block's JSON comes parsed and as its source text. */
export class AnswerBlocks {
  readonly #chunks: BlockChunks;
  #type = '';
  /** Source of the `input` that a block began with, until the first delta of it replaces it. */
  #input = '';
  /** Source of a native block, told as a whole when it ends. */
  #native = '';

  constructor(chunks: BlockChunks) {
    this.#chunks = chunks;
  }

  /** A block that comes whole. */
  whole(block: JsonObject, source: string, emit: EmitChunk): void {
    this.start(block, source, emit);
    this.stop(emit);
  }

  start(block: JsonObject, source: string, emit: EmitChunk): void {
    const chunks = this.#chunks;
    chunks.begin();
    this.#input = '';
    this.#native = '';
    this.#type = text(block['type']);
    switch (this.#type) {
      case 'text': {
        const extra = leftovers(block, typed.text, () => source);
        if (extra !== '') emit(chunks.part('text', textPart(''), extraOf(extra)));
        if (list(block['citations']).length > 0) {
          for (const citation of elements(valueAt(source, ['citations']) ?? '[]')) this.#cite(citation, emit);
        }
        this.#text(text(block['text']), emit);
        break;
      }
      case 'thinking': {
        const extra = leftovers(block, typed.thinking, () => source);
        if (extra !== '') emit(chunks.part('reasoning', reasoningPart(''), extraOf(extra)));
        this.#thinking(text(block['thinking']), emit);
        this.#signature(text(block['signature']), emit);
        break;
      }
      case 'redacted_thinking': {
        const extra = leftovers(block, typed.redacted_thinking, () => source);
        emit(chunks.part('reasoning', reasoningPart('', '', text(block['data'])), extraOf(extra)));
        break;
      }
      case 'tool_use': {
        const extra = leftovers(block, typed.tool_use, () => source);
        emit(chunks.call(text(block['id']), text(block['name']), extraOf(extra)));
        this.#input = valueAt(source, ['input']) ?? '{}';
        break;
      }
      default:
        this.#native = source;
    }
  }

  delta(delta: JsonObject, source: () => string, emit: EmitChunk): void {
    switch (delta['type']) {
      case 'text_delta':
        this.#text(text(delta['text']), emit);
        break;
      case 'thinking_delta':
        this.#thinking(text(delta['thinking']), emit);
        break;
      case 'signature_delta':
        this.#signature(text(delta['signature']), emit);
        break;
      case 'citations_delta':
        this.#cite(valueAt(source(), ['citation']) ?? '{}', emit);
        break;
      case 'input_json_delta': {
        const piece = text(delta['partial_json']);
        if (piece === '') return;
        if (this.#native !== '') {
          this.#input += piece;
          return;
        }
        this.#input = '';
        emit(this.#chunks.arguments(piece));
        return;
      }
      default: {
        // A delta of a block that is native to us: its members stand for the block's.
        if (this.#native === '') return;
        const { type: _, ...changes } = Object.fromEntries(members(source()));
        this.#native = splice(this.#native, changes);
      }
    }
  }

  stop(emit: EmitChunk): void {
    if (this.#native !== '') {
      const json = this.#input === '' ? this.#native : splice(this.#native, { input: this.#input });
      emit(this.#chunks.part('other', nativePart(dialect, json)));
    } else if (this.#input !== '') {
      emit(this.#chunks.arguments(this.#input));
    }
    this.#native = '';
    this.#input = '';
  }

  #text(piece: string, emit: EmitChunk): void {
    if (piece !== '') emit(this.#chunks.text(piece));
  }

  #thinking(piece: string, emit: EmitChunk): void {
    if (piece !== '') emit(this.#chunks.reasoning(piece));
  }

  #signature(piece: string, emit: EmitChunk): void {
    if (piece !== '') emit(this.#chunks.part('reasoning', reasoningPart('', piece)));
  }

  #cite(source: string, emit: EmitChunk): void {
    const part = textPart('');
    part.value.citations.push(citationOf(source));
    emit(this.#chunks.part('text', part));
  }
}

/** Web results name their URL, search results their source, documents only a title. */
function citationOf(source: string): Citation {
  const value: unknown = JSON.parse(source);
  const citation = isObject(value) ? value : {};
  return {
    $typeName: 'llmbridge.v1.Citation',
    url: text(citation['url']) || text(citation['source']),
    title: text(citation['title']) || text(citation['document_title']),
    citedText: text(citation['cited_text']),
    native: source,
  };
}
