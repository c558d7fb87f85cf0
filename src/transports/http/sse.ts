import type { StreamChatCompletionResponse } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { Call } from '../../kernel/call.ts';
import type { Fault } from '../../kernel/fault.ts';
import type { Reply } from '../../kernel/method.ts';
import type { ServerResponse } from '../listener.ts';
import { whenDrained } from '../response.ts';
import { errorJson } from './errors.ts';
import { replyDefaults } from './json-reply.ts';
import { type ChunkOptions, ChunkWriter } from './openai/chunk.ts';

const headers = {
  ...replyDefaults,
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  // nginx would collect the events otherwise.
  'x-accel-buffering': 'no',
} as const;

const event = (json: string): string => `data: ${json}\n\n`;

/** A streamed answer as server-sent events (HTML Standard, section 9.2). The head goes out with the first chunk. */
export class SseReply implements Reply<StreamChatCompletionResponse> {
  readonly #call: Call;
  readonly #response: ServerResponse;
  readonly #writer: ChunkWriter;
  readonly #stallMs: number;

  /** A caller that does not read for `stallMs` is cut off. */
  constructor(call: Call, response: ServerResponse, options: ChunkOptions, stallMs: number) {
    this.#call = call;
    this.#response = response;
    this.#stallMs = stallMs;
    this.#writer = new ChunkWriter(options);
  }

  /** Whether anything was sent: a fault is an event from then on. */
  get started(): boolean {
    return this.#response.headersSent;
  }

  message(chunk: StreamChatCompletionResponse): boolean {
    const texts = this.#writer.push(chunk);
    this.#begin();
    return texts.length === 0 || this.#write(texts);
  }

  onDrain(resume: () => void): void {
    if (this.#response.writableNeedDrain) whenDrained(this.#response, this.#call, this.#stallMs, resume);
    else resume();
  }

  /** The answer is whole. */
  end(): void {
    this.#begin();
    this.#response.end(`${this.#writer.end().map(event).join('')}data: [DONE]\n\n`);
  }

  /** The answer broke off: an error event, and no [DONE]. */
  fail(fault: Fault): void {
    this.#response.end(this.#writer.flush().map(event).join('') + event(errorJson(fault, this.#call.report)));
  }

  #begin(): void {
    if (!this.#response.headersSent) this.#response.writeHead(200, { ...headers, ...this.#call.replyHeaders });
  }

  #write(texts: readonly string[]): boolean {
    return this.#response.write(texts.length === 1 ? event(texts[0] ?? '') : texts.map(event).join(''));
  }
}
