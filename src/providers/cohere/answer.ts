import type { EmitChunk } from '../../kernel/adapter.ts';
import { elements, toJson, valueAt } from '../../kernel/json-text.ts';
import type { ChatChunk } from '../../kernel/messages.ts';
import { BlockChunks, nativePart, textPart } from '../shared/block-chunks.ts';
import { isObject, type JsonObject, list, text } from '../shared/json-body.ts';
import { leftovers } from '../shared/leftovers.ts';
import { citationOf } from './citation.ts';
import { dialect, extraOf } from './dialect.ts';
import { faultOfEnd } from './fault.ts';
import { failed, finishReason } from './finish.ts';
import { logprobsOf } from './logprobs.ts';
import { usageOf } from './usage.ts';

const typed = {
  text: new Set(['type', 'text']),
  thinking: new Set(['type', 'thinking']),
  call: new Set(['id', 'type', 'function']),
};

/** The pieces of one message, whole or in events, as chunks. */
export class Answer {
  readonly chunks = new BlockChunks(dialect);
  #plan = '';

  content(block: JsonObject, source: () => string, emit: EmitChunk): void {
    this.plan('', emit);
    this.chunks.begin();
    const kind = block['type'];
    if (kind !== 'text' && kind !== 'thinking') {
      emit(this.chunks.part('other', nativePart(dialect, source())));
      return;
    }
    const extra = extraOf(leftovers(block, typed[kind], source));
    if (kind === 'text' && dialect in extra) emit(this.chunks.part('text', textPart(''), extra));
    this.piece(block, emit);
  }

  /** More of a block, whose kind it tells by its member. */
  piece(block: JsonObject, emit: EmitChunk): void {
    const thinking = text(block['thinking']);
    const words = text(block['text']);
    if (thinking !== '') emit(this.chunks.reasoning(thinking));
    if (words !== '') emit(this.chunks.text(words));
  }

  /** More of the plan, which is told as a whole when something else comes: with an empty piece. */
  plan(piece: string, emit: EmitChunk): void {
    this.#plan += piece;
    if (piece !== '' || this.#plan === '') return;
    this.chunks.begin();
    emit(this.chunks.part('other', nativePart(dialect, toJson({ tool_plan: this.#plan }))));
    this.#plan = '';
  }

  call(call: JsonObject, source: () => string, emit: EmitChunk): void {
    this.plan('', emit);
    const made = isObject(call['function']) ? call['function'] : {};
    const extra = extraOf(leftovers(call, typed.call, source));
    this.chunks.begin();
    emit(this.chunks.call(text(call['id']), text(made['name']), extra));
    this.arguments(text(made['arguments']), emit);
  }

  arguments(piece: string, emit: EmitChunk): void {
    if (piece !== '') emit(this.chunks.arguments(piece));
  }

  /** One citation, or a list of them. */
  cite(citations: unknown, source: string, emit: EmitChunk): void {
    const whole = Array.isArray(citations) ? citations : [citations];
    const sources = Array.isArray(citations) ? elements(source) : [source];
    const part = textPart('');
    whole.forEach((citation, index) => {
      if (isObject(citation)) part.value.citations.push(citationOf(citation, sources[index] ?? '{}'));
    });
    if (part.value.citations.length > 0) emit(this.chunks.part('text', part));
  }

  logprobs(value: unknown, emit: EmitChunk): void {
    const logprobs = isObject(value) || list(value).length > 0 ? logprobsOf(value) : undefined;
    if (logprobs === undefined) return;
    const chunk = this.chunks.head();
    if (chunk.choices[0]) chunk.choices[0].logprobs = logprobs;
    emit(chunk);
  }

  /** The last chunk; `end` has the reason and the counts. Throws the provider's failure. */
  finish(end: JsonObject, source: () => string, emit: EmitChunk): ChatChunk {
    this.plan('', emit);
    const native = text(end['finish_reason']);
    if (failed(native)) throw faultOfEnd(native, text(end['error']));
    const usage = end['usage'];
    const counts = isObject(usage) ? usageOf(usage, () => valueAt(source(), ['usage'])) : undefined;
    return this.chunks.finish(finishReason(native), native, '', {}, counts);
  }
}
