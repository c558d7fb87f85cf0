import type {
  ChatCompletionResponse,
  StreamChatCompletionResponse,
} from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { EmitChunk, ProviderAdapter, StreamDecoder } from '../kernel/adapter.ts';
import { Fault } from '../kernel/fault.ts';
import { createFramer, type Framer } from '../upstream/framing/index.ts';
import type { AnswerReader } from './exchange.ts';

/** The most a whole answer may weigh: pictures and sound come in base64. */
const wholeAnswerBytes = 256 * 1024 * 1024;

/** Reads a whole answer. */
export class WholeAnswer implements AnswerReader {
  readonly begun = false;
  readonly #adapter: ProviderAdapter;
  readonly #pieces: Uint8Array[] = [];
  #length = 0;
  response: ChatCompletionResponse | undefined;

  constructor(adapter: ProviderAdapter) {
    this.#adapter = adapter;
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
    this.response = this.#adapter.decode(body);
  }
}

/** Reads a streamed answer, chunk by chunk. */
export class StreamedAnswer implements AnswerReader {
  begun = false;
  readonly #framer: Framer;
  readonly #decoder: StreamDecoder;
  readonly #emit: EmitChunk;
  readonly #push: Parameters<Framer['push']>[1];

  constructor(adapter: ProviderAdapter, emit: EmitChunk) {
    this.#framer = createFramer(adapter.framing);
    this.#decoder = adapter.decoder();
    this.#emit = (chunk) => {
      this.begun ||= isMeaningful(chunk);
      emit(chunk);
    };
    this.#push = (frame) => this.#decoder.push(frame, this.#emit);
  }

  data(bytes: Uint8Array): void {
    this.#framer.push(bytes, this.#push);
  }

  end(): void {
    this.#framer.end(this.#push);
    this.#decoder.end(this.#emit);
  }
}

/** Whether a chunk says something: a role or a count alone does not. */
export function isMeaningful(chunk: StreamChatCompletionResponse): boolean {
  for (const { delta, finishReason } of chunk.choices) {
    if (finishReason !== 0) return true;
    if (delta === undefined) continue;
    if (delta.content !== '' || delta.reasoningContent !== '' || delta.refusal !== '') return true;
    if (delta.toolCalls.length > 0 || delta.parts.length > 0) return true;
  }
  return false;
}
