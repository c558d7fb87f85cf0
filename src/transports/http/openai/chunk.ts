import { FinishReason } from '../../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { GatewayReport } from '../../../../gen/es/llmbridge/v1/report_pb.ts';
import type { Usage } from '../../../../gen/es/llmbridge/v1/usage_pb.ts';
import { Collector } from '../../../kernel/collect.ts';
import { type ChatChunk, newChunk, newChunkChoice, newDelta } from '../../../kernel/messages.ts';
import { ChoiceWriter } from './delta-json.ts';
import { extraMembers, object, quote, stringMember } from './json-writer.ts';
import { orderMember } from './message-json.ts';
import { answerMembers, sealedJson, withReport } from './response.ts';
import { usageJson } from './usage-json.ts';

export interface ChunkOptions {
  /** The caller asked for a last chunk with usage. */
  readonly includeUsage: boolean;
  readonly legacyFunctions: boolean;
}

type Head = Pick<ChatChunk, 'id' | 'created' | 'model' | 'serviceTier' | 'systemFingerprint'>;

/**
 * Writes a stream as OpenAI's `chat.completion.chunk`s. Usage is kept for a last chunk without choices, sent only if
 * asked for. The report rides on the last chunk: on that one, else on the one that tells the finish reason, which is
 * held back until something follows or the answer is whole, since clients expect a choice in every other chunk. A chunk
 * that has the text which it was read from goes out as that.
 */
export class ChunkWriter {
  readonly #options: ChunkOptions;
  readonly #choices = new Map<number, ChoiceWriter>();
  #last: ChatChunk | undefined;
  #held: string | undefined;
  /** What every chunk of an answer begins with. */
  #head: string | undefined;
  #told: Head | undefined;
  /** The answer so far, for the order of its parts. */
  readonly #collector = new Collector();
  #hasParts = false;
  #usage: Usage | undefined;
  /** The chunk that told it, as it came. */
  #usageSource: string | undefined;
  #report: GatewayReport | undefined;
  /** Words that the collector has not been told yet, and whose. */
  #words = '';
  #wordsOf = 0;

  constructor(options: ChunkOptions) {
    this.#options = options;
  }

  /** The texts of the chunks that are ready now, each a JSON object. */
  push(chunk: ChatChunk): string[] {
    if (chunk.sealed !== undefined) return [`{"sealed":${sealedJson(chunk.sealed)}}`];
    this.#last = chunk;
    const source = this.#options.legacyFunctions ? undefined : chunk.source;
    const words = wordsOf(chunk);
    if (words !== undefined) return this.#plain(chunk, words, source);
    if (chunk.usage !== undefined) {
      this.#usage = chunk.usage;
      this.#usageSource = chunk.choices.length === 0 ? source : undefined;
    }
    if (chunk.report !== undefined) this.#report = chunk.report;
    const extra = extraMembers(chunk.extra, answerMembers);
    if (chunk.choices.length === 0 && (source === undefined ? extra === '' : chunk.usage !== undefined)) return [];

    this.#tell();
    this.#collector.add(chunk);
    this.#hasParts ||= chunk.choices.some(({ delta }) => delta !== undefined && delta.parts.length > 0);
    const ready = this.flush();
    let choices = '';
    let finished = chunk.choices.length > 0;
    for (const choice of chunk.choices) {
      const writer = this.#writerOf(choice.index);
      const finishing = choice.finishReason !== FinishReason.UNSPECIFIED;
      choices += (choices === '' ? '' : ',') + writer.write(choice, finishing ? this.#orderOf(choice.index) : '');
      finished &&= finishing;
    }
    const text = source ?? this.#chunk(chunk, choices, extra + (this.#options.includeUsage ? '"usage":null,' : ''));
    if (finished) this.#held = text;
    else ready.push(text);
    return ready;
  }

  /** What was held back, for a stream that ends in a fault. */
  flush(): string[] {
    const held = this.#held;
    this.#held = undefined;
    return held === undefined ? [] : [held];
  }

  /** The last chunks of a whole answer. */
  end(): string[] {
    const last = this.#last;
    if (this.#options.includeUsage && last !== undefined) {
      const usage = this.#usage === undefined ? 'null' : usageJson(this.#usage);
      const text = this.#usageSource ?? this.#chunk(last, '', `"usage":${usage},`);
      return [...this.flush(), withReport(text, this.#report)];
    }
    const [held] = this.flush();
    if (held !== undefined) return [withReport(held, this.#report)];
    return this.#report === undefined || last === undefined
      ? []
      : [withReport(this.#chunk(last, '', ''), this.#report)];
  }

  /** A chunk of nothing but words, as nearly all are. */
  #plain(chunk: ChatChunk, words: Words, source: string | undefined): string[] {
    const { index, content } = words;
    if (index !== this.#wordsOf) this.#tell();
    this.#wordsOf = index;
    this.#words += content;
    this.#writerOf(index).text();
    const text = source ?? this.#wordsJson(chunk, words);
    if (this.#held === undefined) return [text];
    return [...this.flush(), text];
  }

  #wordsJson(chunk: ChatChunk, { index, content }: Words): string {
    const usage = this.#options.includeUsage ? ',"usage":null' : '';
    return `{${this.#headOf(chunk)}"choices":[{"index":${index},"delta":{"content":${quote(content)}},"logprobs":null,"finish_reason":null}]${usage}}`;
  }

  #writerOf(index: number): ChoiceWriter {
    let writer = this.#choices.get(index);
    if (writer === undefined) {
      writer = new ChoiceWriter(this.#options.legacyFunctions);
      this.#choices.set(index, writer);
    }
    return writer;
  }

  #tell(): void {
    if (this.#words === '') return;
    const delta = newDelta();
    delta.content = this.#words;
    this.#words = '';
    const chunk = newChunk();
    chunk.choices.push(newChunkChoice(this.#wordsOf, delta));
    this.#collector.add(chunk);
  }

  /** The whole order of a choice's parts at its end, where what came before does not tell it. */
  #orderOf(index: number): string {
    if (!this.#hasParts) return '';
    const message = this.#collector.response().choices.find((choice) => choice.index === index)?.message;
    return message === undefined || message.parts.length === 0 ? '' : orderMember(message);
  }

  #chunk(chunk: ChatChunk, choices: string, rest: string): string {
    return object(`${this.#headOf(chunk)}"choices":[${choices}],${rest}`);
  }

  /** A chunk that does not repeat what the first ones said is completed from them: clients expect it in each. */
  #headOf(chunk: ChatChunk): string {
    const told = this.#told;
    const same =
      told !== undefined &&
      (chunk.id === '' || chunk.id === told.id) &&
      (chunk.model === '' || chunk.model === told.model) &&
      (chunk.created === 0 || chunk.created === told.created) &&
      (chunk.serviceTier === '' || chunk.serviceTier === told.serviceTier) &&
      (chunk.systemFingerprint === '' || chunk.systemFingerprint === told.systemFingerprint);
    if (same && this.#head !== undefined) return this.#head;
    const now = {
      id: chunk.id || told?.id || '',
      created: chunk.created || told?.created || 0,
      model: chunk.model || told?.model || '',
      serviceTier: chunk.serviceTier || told?.serviceTier || '',
      systemFingerprint: chunk.systemFingerprint || told?.systemFingerprint || '',
    };
    this.#told = now;
    this.#head =
      `"id":${quote(now.id)},"object":"chat.completion.chunk","created":${now.created},"model":${quote(now.model)},` +
      stringMember('service_tier', now.serviceTier) +
      stringMember('system_fingerprint', now.systemFingerprint);
    return this.#head;
  }
}

interface Words {
  readonly index: number;
  readonly content: string;
}

/** The words of a chunk that has one choice and nothing else in it. */
function wordsOf(chunk: ChatChunk): Words | undefined {
  const { choices } = chunk;
  const choice = choices[0];
  const delta = choice?.delta;
  if (choice === undefined || delta === undefined || choices.length !== 1) return undefined;
  if (chunk.usage !== undefined || chunk.report !== undefined || choice.logprobs !== undefined) return undefined;
  if (delta.content === '' || delta.role !== 0 || delta.reasoningContent !== '' || delta.refusal !== '')
    return undefined;
  if (delta.toolCalls.length > 0 || delta.parts.length > 0) return undefined;
  if (choice.finishReason !== 0 || choice.nativeFinishReason !== '') return undefined;
  for (const _ in chunk.extra) return undefined;
  for (const _ in choice.extra) return undefined;
  return { index: choice.index, content: delta.content };
}
