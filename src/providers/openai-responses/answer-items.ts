import type { Citation, ContentPart } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import type { EmitChunk } from '../../kernel/adapter.ts';
import { elements, valueAt } from '../../kernel/json-text.ts';
import { decodeLogprobs } from '../openai-compatible/decode-logprobs.ts';
import { type BlockChunks, nativePart, textPart } from '../shared/block-chunks.ts';
import { HalfCharacters } from '../shared/half-characters.ts';
import { count, isObject, type JsonObject, list, text } from '../shared/json-body.ts';
import { joined, leftovers } from '../shared/leftovers.ts';
import { sniffImage } from '../shared/media.ts';
import { dialect, extraOf, partExtra } from './dialect.ts';

type Part = ContentPart['part'];

const typed = {
  message: new Set(['type', 'role', 'content']),
  reasoning: new Set(['type', 'id', 'summary', 'encrypted_content']),
  call: new Set(['type', 'call_id', 'name', 'arguments', 'input']),
  image: new Set(['type', 'result']),
  output_text: new Set(['type', 'text', 'annotations']),
  refusal: new Set(['type', 'refusal']),
};

const reasoningOf = (id: string, summary: boolean, redacted = ''): Part => ({
  case: 'reasoning',
  value: { $typeName: 'llmbridge.v1.ReasoningPart', text: '', signature: '', redacted, id, summary },
});

const itemId = (id: string): string => (id === '' ? '' : JSON.stringify({ id }));

/** Whether an item is a call that the caller answers. */
const isCall = (type: string): boolean => type === 'function_call' || type === 'custom_tool_call';

/**
 * The output items of one answer, whole or in deltas, as chunks; one item at a time. What an item's end repeats is told
 * only as far as no delta told it. Every item leaves a part with its id and status, so that it can be sent back as it is.
 */
export class AnswerItems {
  readonly #chunks: BlockChunks;
  #type = '';
  #id = '';
  /** The piece under way: of a message a content part, of reasoning a summary or content part. */
  #piece = '';
  /** What deltas told of it. */
  #told = '';
  #cited = 0;
  #scored = false;
  #half = new HalfCharacters();
  /** What is beyond the words of a content part, held back until it is known whether more of the message follows. */
  #ended: { readonly refusal: string | undefined; readonly rest: string } | undefined;
  /** Some call of the answer waits for the caller. */
  calls = false;

  constructor(chunks: BlockChunks) {
    this.#chunks = chunks;
  }

  /** Begins an item, of which little may be known yet. */
  start(item: JsonObject, emit: EmitChunk): void {
    this.#type = text(item['type']);
    this.#id = text(item['id']);
    this.#piece = '';
    this.#told = '';
    this.#ended = undefined;
    this.#half = new HalfCharacters();
    if (!isCall(this.#type)) return;
    this.calls = true;
    this.#chunks.begin();
    const id = text(item['call_id']) || this.#id;
    const name = text(item['name']);
    const custom = this.#type === 'custom_tool_call';
    emit(custom ? this.#chunks.customCall(id, name) : this.#chunks.call(id, name));
  }

  text(index: number, delta: unknown, logprobs: unknown, emit: EmitChunk): void {
    this.#open(`text ${index}`, emit);
    const words = this.#delta(delta);
    const chunk = words === '' ? undefined : this.#chunks.text(words);
    const scores = list(logprobs).length > 0 ? decodeLogprobs({ content: logprobs }) : undefined;
    if (scores !== undefined) this.#scored = true;
    const told = chunk ?? (scores === undefined ? undefined : this.#chunks.head());
    const choice = told?.choices[0];
    if (choice !== undefined && scores !== undefined) choice.logprobs = scores;
    if (told !== undefined) emit(told);
  }

  refusal(index: number, delta: unknown, emit: EmitChunk): void {
    this.#open(`text ${index}`, emit);
    const words = this.#delta(delta);
    if (words !== '') emit(this.#chunks.refusal(words));
  }

  annotation(index: number, source: string, emit: EmitChunk): void {
    this.#open(`text ${index}`, emit);
    this.#cited++;
    this.#cite(source, emit);
  }

  /** A piece of a summary, or of the reasoning itself. */
  reasoning(kind: 'summary' | 'content', index: number, delta: unknown, emit: EmitChunk): void {
    this.#openReasoning(kind, index, emit);
    const words = this.#delta(delta);
    if (words !== '') emit(this.#chunks.reasoning(words));
  }

  arguments(delta: unknown, emit: EmitChunk): void {
    if (!isCall(this.#type)) return;
    const words = this.#delta(delta);
    if (words !== '') emit(this.#chunks.arguments(words));
  }

  /** A content part of a message came to its end. */
  content(index: number, part: JsonObject, source: string, emit: EmitChunk): void {
    const piece = `text ${index}`;
    if (this.#piece === piece && this.#ended !== undefined) return;
    if (part['type'] === 'refusal') {
      this.refusal(index, this.#rest(piece, text(part['refusal'])), emit);
      this.#ended = { refusal: text(part['refusal']), rest: leftovers(part, typed.refusal, () => source) };
      return;
    }
    this.text(index, this.#rest(piece, text(part['text'])), undefined, emit);
    const logprobs = list(part['logprobs']);
    if (!this.#scored && logprobs.length > 0) this.text(index, '', logprobs, emit);
    if (list(part['annotations']).length > this.#cited) {
      const annotations = elements(valueAt(source, ['annotations']) ?? '[]');
      for (const annotation of annotations.slice(this.#cited)) this.annotation(index, annotation, emit);
    }
    const known = logprobs.length > 0 ? new Set([...typed.output_text, 'logprobs']) : typed.output_text;
    this.#ended = { refusal: undefined, rest: leftovers(part, known, () => source) };
  }

  /** Ends the item, of which all is known now. */
  stop(item: JsonObject, source: string, emit: EmitChunk): void {
    const type = this.#type;
    if (type === 'message') this.#stopMessage(item, source, emit);
    else if (type === 'reasoning') this.#stopReasoning(item, source, emit);
    else if (isCall(type)) this.#stopCall(item, source, emit);
    else this.#own(item, source, emit);
  }

  #stopMessage(item: JsonObject, source: string, emit: EmitChunk): void {
    const content = list(item['content']);
    const sources = elements(valueAt(source, ['content']) ?? '[]');
    const at = this.#piece === '' ? 0 : Number(this.#piece.slice('text '.length));
    for (let i = at; i < content.length; i++) {
      const part = content[i];
      if (isObject(part)) this.content(i, part, sources[i] ?? '{}', emit);
    }
    this.#flush(
      leftovers(item, typed.message, () => source),
      emit,
    );
  }

  #stopReasoning(item: JsonObject, source: string, emit: EmitChunk): void {
    for (const kind of ['summary', 'content'] as const) {
      const pieces = list(item[kind]);
      for (let i = 0; i < pieces.length; i++) {
        const piece = pieces[i];
        if (isObject(piece)) this.#finishReasoning(kind, i, text(piece['text']), emit);
      }
    }
    const known = list(item['content']).length > 0 ? new Set([...typed.reasoning, 'content']) : typed.reasoning;
    const extra = extraOf(leftovers(item, known, () => source));
    if (this.#piece === '') this.#chunks.begin();
    const proof = reasoningOf(this.#id, false, text(item['encrypted_content']));
    emit(this.#chunks.part('reasoning', proof, extra));
  }

  /** What no delta told of a piece; pieces before the one under way are told already. */
  #finishReasoning(kind: 'summary' | 'content', index: number, words: string, emit: EmitChunk): void {
    const [underWay, at] = this.#piece.split(' ');
    if (underWay === 'content' && kind === 'summary') return;
    if (underWay === kind && Number(at) > index) return;
    this.reasoning(kind, index, this.#rest(`${kind} ${index}`, words), emit);
  }

  #stopCall(item: JsonObject, source: string, emit: EmitChunk): void {
    const whole = text(this.#type === 'function_call' ? item['arguments'] : item['input']);
    const rest = this.#rest('', whole);
    const extra = partExtra(
      joined(
        itemId(this.#id),
        leftovers(item, typed.call, () => source),
      ),
    );
    if (rest !== '' || Object.keys(extra).length > 0) emit(this.#chunks.arguments(rest, extra));
  }

  /** Pictures are pictures; all else that the provider did by itself is carried as it is. */
  #own(item: JsonObject, source: string, emit: EmitChunk): void {
    this.#chunks.begin();
    const result = item['result'];
    if (this.#type !== 'image_generation_call' || typeof result !== 'string' || result === '') {
      emit(this.#chunks.part('other', nativePart(dialect, source)));
      return;
    }
    const data = Uint8Array.from(Buffer.from(result, 'base64'));
    const format = text(item['output_format']);
    const value = {
      $typeName: 'llmbridge.v1.ImagePart' as const,
      source: { case: 'data' as const, value: data },
      mediaType: sniffImage(data) || (format === '' ? '' : `image/${format}`),
      detail: '',
      signature: new Uint8Array(),
    };
    const fields = partExtra(leftovers(item, typed.image, () => source));
    emit(this.#chunks.part('other', { case: 'image', value }, fields));
  }

  #open(piece: string, emit: EmitChunk): void {
    if (this.#piece === piece) return;
    this.#flush(itemId(this.#id), emit);
    this.#begin(piece);
    this.#chunks.begin();
  }

  #openReasoning(kind: 'summary' | 'content', index: number, emit: EmitChunk): void {
    const piece = `${kind} ${index}`;
    if (this.#piece === piece) return;
    const first = this.#piece === '';
    this.#begin(piece);
    this.#chunks.begin();
    emit(this.#chunks.part('reasoning', reasoningOf(this.#id, kind === 'summary')));
    if (!first) emit(this.#chunks.reasoning(pieceBreak));
  }

  #begin(piece: string): void {
    this.#piece = piece;
    this.#told = '';
    this.#cited = 0;
    this.#scored = false;
    this.#half = new HalfCharacters();
  }

  #delta(delta: unknown): string {
    if (typeof delta !== 'string') return '';
    this.#told += delta;
    return this.#half.join(delta);
  }

  /** What is left of a piece that is known whole now. */
  #rest(piece: string, whole: string): string {
    if (this.#piece !== piece) return whole;
    return whole.startsWith(this.#told) ? whole.slice(this.#told.length) : '';
  }

  /** Tells what was held back of a content part, with the fields of its item that are known. */
  #flush(fields: string, emit: EmitChunk): void {
    if (this.#ended === undefined) return;
    const { refusal, rest } = this.#ended;
    this.#ended = undefined;
    const extra = partExtra(fields, rest);
    if (refusal !== undefined) {
      const value = { $typeName: 'llmbridge.v1.RefusalPart' as const, refusal };
      emit(this.#chunks.part('other', { case: 'refusal', value }, extra));
    } else if (Object.keys(extra).length > 0) emit(this.#chunks.part('text', textPart(''), extra));
  }

  #cite(source: string, emit: EmitChunk): void {
    const part = textPart('');
    part.value.citations.push(citationOf(source));
    emit(this.#chunks.part('text', part));
  }
}

/** Stands between the pieces of one item's reasoning: they are paragraphs, and come without a break. */
export const pieceBreak = '\n\n';

/** Web results name their URL and title, files only a name. */
function citationOf(source: string): Citation {
  const value: unknown = JSON.parse(source);
  const cited = isObject(value) ? value : {};
  return {
    $typeName: 'llmbridge.v1.Citation',
    url: text(cited['url']),
    title: text(cited['title']) || text(cited['filename']),
    citedText: '',
    startIndex: count(cited['start_index']),
    endIndex: count(cited['end_index']),
    native: source,
  };
}
