import { elements, valueAt } from '../../kernel/json-text.ts';
import { type ChatChunk, newPart } from '../../kernel/messages.ts';
import { BlockChunks, nativePart, reasoningPart, textPart } from '../shared/block-chunks.ts';
import { madeCallId } from '../shared/call-ids.ts';
import { isObject, type JsonObject, list, text } from '../shared/json-body.ts';
import { joined, leftovers } from '../shared/leftovers.ts';
import { mediaPart } from './answer-media.ts';
import { citationsOf } from './citations.ts';
import { dialect, extraOf } from './dialect.ts';
import { finishReason, nativeReason } from './finish.ts';
import { logprobsOf } from './logprobs.ts';

const typed = {
  candidate: new Set(['content', 'finishReason', 'index', 'logprobsResult']),
  text: new Set(['text', 'thought', 'thoughtSignature']),
  media: new Set(['inlineData', 'thoughtSignature']),
  call: new Set(['functionCall', 'thoughtSignature']),
  functionCall: new Set(['id', 'name', 'args']),
};

/** The JSON text of something, sliced from its frame only where it is needed. */
type Source = () => string;

/** One candidate of an answer, whole or frame by frame, as chunks. */
export class Candidate {
  readonly chunks: BlockChunks;
  /** The provider's reason; '' until it is told. Early models tell it with every frame. */
  reason = '';
  #calls = 0;
  #text = '';
  #extra = '';
  /** A part with a signature is whole: nothing is added to it. */
  #sealed = false;

  constructor(index: number) {
    this.chunks = new BlockChunks(dialect, index);
  }

  /** `whole` tells that each part stands for itself; in a stream a frame's first part may go on with the last one. */
  read(candidate: JsonObject, source: Source, whole: boolean, emit: (chunk: ChatChunk) => void): void {
    const content = candidate['content'];
    const parts = isObject(content) ? list(content['parts']) : [];
    let sources: string[] | undefined;
    parts.forEach((part, index) => {
      if (!isObject(part)) return;
      const own = () => {
        sources ??= elements(valueAt(source(), ['content', 'parts']) ?? '[]');
        return sources[index] ?? '{}';
      };
      this.#part(part, own, whole || index > 0, emit);
    });
    const logprobs = logprobsOf(candidate['logprobsResult']);
    if (logprobs) {
      const chunk = this.chunks.head();
      if (chunk.choices[0]) chunk.choices[0].logprobs = logprobs;
      emit(chunk);
    }
    this.reason = nativeReason(candidate['finishReason']) || this.reason;
    const extra = leftovers(candidate, typed.candidate, source);
    if (extra !== '' && extra !== this.#extra) this.#extra = joined(this.#extra, extra);
  }

  /** The candidate's last chunk, and one with what its text rests on. */
  finish(refusal: string, emit: (chunk: ChatChunk) => void): ChatChunk {
    const rests = this.#extra === '' ? [] : citationsOf(JSON.parse(this.#extra) as JsonObject, this.#extra, this.#text);
    if (rests.length > 0) {
      const part = textPart('');
      part.value.citations.push(...rests);
      emit(this.chunks.part('text', part));
    }
    const reason = finishReason(this.reason, this.#calls > 0);
    return this.chunks.finish(reason, this.reason, refusal, extraOf(this.#extra), undefined);
  }

  #part(part: JsonObject, source: Source, apart: boolean, emit: (chunk: ChatChunk) => void): void {
    const { text: words, inlineData, functionCall } = part;
    const signature = text(part['thoughtSignature']);
    if (typeof words === 'string' || Object.keys(part).every((name) => typed.text.has(name))) {
      const extra = extraOf(leftovers(part, typed.text, source));
      this.#words(text(words), part['thought'] === true, signature, extra, apart, emit);
      return;
    }
    this.chunks.begin();
    this.#sealed = false;
    if (isObject(functionCall)) {
      this.#call(part, functionCall, source, signature, emit);
      return;
    }
    const media = isObject(inlineData)
      ? mediaPart(text(inlineData['mimeType']), text(inlineData['data']), signature)
      : undefined;
    if (media) emit(this.chunks.part('other', media, extraOf(leftovers(part, typed.media, source))));
    else emit(this.chunks.part('other', nativePart(dialect, source())));
  }

  /** Text or a thought. What is empty and has no signature leaves no trace. */
  #words(
    words: string,
    thought: boolean,
    signature: string,
    extra: { [provider: string]: string },
    apart: boolean,
    emit: (chunk: ChatChunk) => void,
  ): void {
    const beyond = signature !== '' || dialect in extra;
    if (words === '' && !beyond) return;
    const chunks = this.chunks;
    if (apart || this.#sealed || beyond) chunks.begin();
    this.#sealed = beyond;
    if (thought) {
      if (beyond) emit(chunks.part('reasoning', reasoningPart('', signature), extra));
      if (words !== '') emit(chunks.reasoning(words));
      return;
    }
    if (beyond) {
      const part = textPart('');
      part.value.signature = new Uint8Array(Buffer.from(signature, 'base64'));
      emit(chunks.part('text', part, extra));
    }
    this.#text += words;
    if (words !== '') emit(chunks.text(words));
  }

  #call(part: JsonObject, call: JsonObject, source: Source, signature: string, emit: (chunk: ChatChunk) => void): void {
    const inner = () => valueAt(source(), ['functionCall']) ?? '{}';
    const id = text(call['id']) || madeCallId(dialect, this.chunks.id, this.#calls);
    this.#calls++;
    const beside = extraOf(leftovers(part, typed.call, source));
    const mark =
      signature !== '' || dialect in beside
        ? {
            ...newPart({ case: 'toolCall', value: { $typeName: 'llmbridge.v1.ToolCallPart', id, signature } }),
            extra: beside,
          }
        : undefined;
    emit(this.chunks.call(id, text(call['name']), extraOf(leftovers(call, typed.functionCall, inner)), mark));
    emit(this.chunks.arguments(valueAt(source(), ['functionCall', 'args']) ?? '{}'));
  }
}
