import type { Usage } from '../../gen/es/llmbridge/v1/usage_pb.ts';
import type { EmitChunk, ProviderAdapter, StreamDecoder } from '../kernel/adapter.ts';
import type { Dialect } from '../kernel/call.ts';
import { Fault } from '../kernel/fault.ts';
import type { ChatChunk, ChatResponse } from '../kernel/messages.ts';
import { createFramer, type Framer } from '../upstream/framing/index.ts';
import type { CountingReader } from './attempt.ts';

/** The most a whole answer may weigh: pictures and sound come in base64. */
const wholeAnswerBytes = 256 * 1024 * 1024;

/** Reads a whole answer. */
export class WholeAnswer implements CountingReader {
  readonly begun = false;
  readonly streaming = false;
  readonly #adapter: ProviderAdapter;
  readonly #reads: Dialect | undefined;
  readonly #pieces: Uint8Array[] = [];
  #length = 0;
  response: ChatResponse | undefined;

  /** `reads` is the dialect in which the caller may have it as it comes. */
  constructor(adapter: ProviderAdapter, reads: Dialect | undefined) {
    this.#adapter = adapter;
    this.#reads = reads;
  }

  get usage(): Usage | undefined {
    return this.response?.usage;
  }

  get written(): number {
    let characters = 0;
    for (const { message } of this.response?.choices ?? []) characters += message === undefined ? 0 : lengthOf(message);
    return characters;
  }

  data(bytes: Uint8Array): void {
    this.#length += bytes.length;
    if (this.#length > wholeAnswerBytes) {
      throw new Fault('PROVIDER_MALFORMED', 'the provider sent more than an answer may weigh', { blame: 'provider' });
    }
    this.#pieces.push(bytes);
  }

  end(): void {
    const [first] = this.#pieces;
    const body = first !== undefined && this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces);
    this.response = this.#adapter.decode(body, this.#reads);
  }
}

/** Reads a streamed answer, chunk by chunk. */
export class StreamedAnswer implements CountingReader {
  begun = false;
  readonly streaming = true;
  usage: Usage | undefined;
  written = 0;
  readonly #framer: Framer;
  readonly #decoder: StreamDecoder;
  readonly #emit: EmitChunk;
  readonly #push: Parameters<Framer['push']>[1];

  /** `reads` is the dialect in which the caller may have it as it comes. */
  constructor(adapter: ProviderAdapter, reads: Dialect | undefined, emit: EmitChunk) {
    this.#framer = createFramer(adapter.framing);
    this.#decoder = adapter.decoder(reads);
    this.#emit = (chunk) => {
      this.begun ||= isMeaningful(chunk);
      if (chunk.usage) this.usage = chunk.usage;
      for (const { delta } of chunk.choices) if (delta) this.written += lengthOf(delta);
      emit(chunk);
    };
    this.#push = (frame) => this.#decoder.push(frame, this.#emit);
  }

  data(bytes: Uint8Array): void {
    this.#framer.push(bytes, this.#push);
  }

  end(broken = false): void {
    this.#framer.end(this.#push);
    this.#decoder.end(this.#emit, broken);
  }
}

interface Texts {
  readonly content: string;
  readonly reasoningContent: string;
  readonly refusal: string;
  readonly toolCalls: readonly { readonly name: string; readonly arguments: string }[];
}

function lengthOf({ content, reasoningContent, refusal, toolCalls }: Texts): number {
  let length = content.length + reasoningContent.length + refusal.length;
  for (const call of toolCalls) length += call.name.length + call.arguments.length;
  return length;
}

/** Whether a chunk says something: a role or a count alone does not. */
function isMeaningful(chunk: ChatChunk): boolean {
  for (const { delta, finishReason } of chunk.choices) {
    if (finishReason !== 0) return true;
    if (delta === undefined) continue;
    if (delta.content !== '' || delta.reasoningContent !== '' || delta.refusal !== '') return true;
    if (delta.toolCalls.length > 0 || delta.parts.length > 0) return true;
  }
  return false;
}
