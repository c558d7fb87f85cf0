import type { StreamChatCompletionResponse } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { Call } from '../../kernel/call.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Fault } from '../../kernel/fault.ts';
import type { Reply } from '../../kernel/method.ts';
import { whenDrained } from '../response.ts';
import type { SurfaceResponse } from '../surface-io.ts';
import { type Envelope, inTheClear } from './envelope.ts';
import { errorJson } from './errors.ts';
import { EventStream } from './event-stream.ts';
import { replyDefaults } from './json-reply.ts';
import { type ChunkOptions, ChunkWriter } from './openai/chunk.ts';
import { SsePing } from './sse-ping.ts';

const headers = {
  ...replyDefaults,
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  // nginx would collect the events otherwise.
  'x-accel-buffering': 'no',
} as const;

const event = (json: string): string => `data: ${json}\n\n`;

/** In milliseconds. */
export interface SseTimes {
  /** A caller that does not read for so long is cut off. */
  readonly stallMs: number;
  /** Silence after which a comment is sent, 0 for never. The first one sends the head: failures are events from then on. */
  readonly pingMs: number;
  readonly clock: Clock;
}

/** A streamed answer as server-sent events (HTML Standard, section 9.2). The head goes out with the first chunk. */
export class SseReply implements Reply<StreamChatCompletionResponse> {
  readonly #call: Call;
  readonly #response: SurfaceResponse;
  readonly #stream: EventStream;
  readonly #writer: ChunkWriter;
  readonly #stallMs: number;
  readonly #envelope: Envelope;
  readonly #ping: SsePing | undefined;

  constructor(
    call: Call,
    response: SurfaceResponse,
    options: ChunkOptions,
    { stallMs, pingMs, clock }: SseTimes,
    envelope: Envelope = inTheClear,
  ) {
    this.#call = call;
    this.#response = response;
    this.#stallMs = stallMs;
    this.#envelope = envelope;
    this.#writer = new ChunkWriter(options);
    this.#stream = new EventStream(response, () => ({ ...headers, ...call.replyHeaders }));
    if (pingMs === 0) return;
    const ping = new SsePing(clock, pingMs, () => {
      this.#stream.begin();
      if (!this.#stream.blocked) this.#stream.write(': ping\n\n');
    });
    response.once('close', () => ping.stop());
    this.#ping = ping;
  }

  /** Whether anything was sent: a fault is an event from then on. */
  get started(): boolean {
    return this.#stream.begun;
  }

  message(chunk: StreamChatCompletionResponse): boolean {
    const texts = this.#writer.push(chunk);
    this.#stream.begin();
    this.#ping?.wrote();
    return texts.length === 0 || this.#stream.write(this.#events(texts));
  }

  onDrain(resume: () => void): void {
    if (this.#stream.blocked) whenDrained(this.#response, this.#call, this.#stallMs, resume);
    else resume();
  }

  /** The answer goes out by other means: nothing was sent yet. */
  stop(): void {
    this.#ping?.stop();
  }

  /** The answer is whole. A sealed one says so by a last event with nothing in it, so that none has to wait for the next. */
  end(): void {
    this.#ping?.stop();
    this.#stream.begin();
    const events = this.#events(this.#writer.end());
    const mark = this.#envelope('', true);
    this.#stream.end(`${events}${mark === '' ? '' : event(mark)}data: [DONE]\n\n`);
  }

  /** The answer broke off: an error event, and no [DONE]. */
  fail(fault: Fault): void {
    this.#ping?.stop();
    const events = this.#events(this.#writer.flush());
    this.#stream.end(events + event(this.#envelope(errorJson(fault, this.#call.report), true)));
  }

  #events(texts: readonly string[]): string {
    if (texts.length === 1) return event(this.#envelope(texts[0] ?? '', false));
    let events = '';
    for (const text of texts) events += event(this.#envelope(text, false));
    return events;
  }
}
