import type { EmitChunk } from '../../kernel/adapter.ts';
import { valueAt } from '../../kernel/json-text.ts';
import type { ChatChunk } from '../../kernel/messages.ts';
import { isObject, type JsonObject, list, malformed, text } from '../shared/json-body.ts';
import { joined, leftovers } from '../shared/leftovers.ts';
import { Candidate } from './candidate.ts';
import { extraOf } from './dialect.ts';
import { faultOfEvent } from './fault.ts';
import { countsOf, usageOf } from './usage.ts';

const typed = new Set(['candidates', 'usageMetadata', 'modelVersion', 'responseId']);

/** Makes chunks of GenerateContentResponse, of which a whole answer is one and a stream some. */
export class Answer {
  readonly #candidates = new Map<number, Candidate>();
  readonly #whole: boolean;
  #id = '';
  #model = '';
  #created = 0;
  #usage: JsonObject | undefined;
  /** The frame that the counts came with. */
  #usageFrame = '{}';
  #extra = '';
  #refusal = '';

  /** `whole`: the answer comes as one. */
  constructor(whole: boolean) {
    this.#whole = whole;
  }

  read(response: JsonObject, source: string, emit: EmitChunk): void {
    if (isObject(response['error'])) throw faultOfEvent(response);
    this.#id ||= text(response['responseId']);
    this.#model = text(response['modelVersion']) || this.#model;
    this.#created ||= Math.floor(Date.parse(text(response['createTime'])) / 1000) || 0;
    const made: ChatChunk[] = [];
    const candidates = list(response['candidates']);
    candidates.forEach((candidate, place) => {
      if (!isObject(candidate)) throw malformed('a candidate that is not an object');
      const own = () => valueAt(source, ['candidates', place]) ?? '{}';
      this.#candidateAt(candidate['index']).read(candidate, own, this.#whole, (chunk) => {
        made.push(chunk);
      });
    });
    this.#readPromptFeedback(response['promptFeedback']);
    this.#readUsage(response['usageMetadata'], source, made.at(-1));
    const extra = leftovers(response, typed, () => source);
    if (extra !== '' && extra !== this.#extra) this.#extra = joined(this.#extra, extra);
    for (const chunk of made) emit(chunk);
  }

  /** Whether every candidate has told why it ended. */
  get ended(): boolean {
    for (const { reason } of this.#candidates.values()) if (reason === '') return false;
    return this.#candidates.size > 0;
  }

  /** Emits what can be said only now that nothing more comes: Gemini's reasons and counts hold for what went before. */
  end(emit: EmitChunk): void {
    const usage = this.#usage && usageOf(this.#usage, () => valueAt(this.#usageFrame, ['usageMetadata']));
    const lasts = [...this.#candidates.values()].map((candidate) => candidate.finish(this.#refusal, emit));
    lasts.forEach((chunk, place) => {
      if (place === lasts.length - 1) {
        chunk.extra = extraOf(this.#extra);
        if (usage) chunk.usage = usage;
      }
      emit(chunk);
    });
  }

  #candidateAt(value: unknown): Candidate {
    const index = typeof value === 'number' ? value : 0;
    let candidate = this.#candidates.get(index);
    if (candidate === undefined) {
      candidate = new Candidate(index);
      this.#candidates.set(index, candidate);
    }
    candidate.chunks.id = this.#id;
    candidate.chunks.model = this.#model;
    candidate.chunks.created = this.#created;
    candidate.chunks.serviceTier = text(this.#usage?.['serviceTier']);
    return candidate;
  }

  /** A refused prompt has no candidate: the answer is an empty one that says why. */
  #readPromptFeedback(feedback: unknown): void {
    if (!isObject(feedback) || this.#candidates.size > 0) return;
    const reason = text(feedback['blockReason']);
    if (reason === '') return;
    this.#candidateAt(0).reason = reason;
    this.#refusal = text(feedback['blockReasonMessage']);
  }

  /** Counts stand with each frame, so that those of an answer that breaks off are known. */
  #readUsage(usage: unknown, source: string, last: ChatChunk | undefined): void {
    if (!isObject(usage)) return;
    this.#usage = usage;
    this.#usageFrame = source;
    for (const { chunks } of this.#candidates.values()) chunks.serviceTier = text(usage['serviceTier']);
    if (last && typeof usage['promptTokenCount'] === 'number') last.usage = countsOf(usage);
  }
}
