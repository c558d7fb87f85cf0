import type { GatewayReport } from '../../../gen/es/llmbridge/v1/report_pb.ts';
import { Call } from '../../kernel/call.ts';
import { Collector } from '../../kernel/collect.ts';
import { Fault } from '../../kernel/fault.ts';
import type { ChatChunk, ChatResponse } from '../../kernel/messages.ts';
import type { Reply } from '../../kernel/method.ts';
import type { CacheResult } from '../../kernel/response-cache.ts';
import type { Found } from './shelf.ts';

/** One caller's place in a flight. */
export interface Seat {
  readonly call: Call;
  /** How many of the chunks it had, where it follows them as they come; undefined for one that waits for the whole. */
  readonly at: number | undefined;
  /** It reads slowly. */
  readonly blocked: boolean;
  /** There is something new. */
  wake(): void;
}

/** A call of the gateway's own, in the name of the one who was first to ask. */
function innerCall(call: Call, result: CacheResult): Call {
  const inner = new Call(call);
  inner.principal = call.principal;
  inner.deadline = call.deadline;
  inner.source = call.source;
  inner.streaming = call.streaming;
  inner.cacheResult = result;
  return inner;
}

/** Chunks had by all are let go in lots of so many. */
const trimmedAtOnce = 64;

/**
 * One question to the providers for all who ask it at the same time. It goes on while somebody wants its answer, whoever
 * asked first, and is given up when the last one has gone. It runs at the pace of its fastest reader: what the others
 * have not read yet is kept. Attempts and what they cost are put down to one caller, the first of those still there.
 */
export class Flight implements Reply<ChatChunk | ChatResponse> {
  readonly call: Call;
  readonly streaming: boolean;
  /** Set when it is over and went well. */
  response: ChatResponse | undefined;
  /** Another process had it. */
  found: Found | undefined;
  /** Whether another process's answer was waited for. */
  waited = false;
  fault: Fault | undefined;
  over = false;
  /** Whom attempts and costs are put down to. */
  payer: Call | undefined;
  /** Nobody may join any more: its answer weighs too much to be kept for whoever comes. */
  oversize = false;
  readonly #seats = new Set<Seat>();
  readonly #collector = new Collector();
  readonly #maxBytes: number;
  readonly #closed: () => void;
  #chunks: ChatChunk[] = [];
  /** How many were let go. */
  #gone = 0;
  #weight = 0;
  #resume: (() => void) | undefined;

  /** `closed` is told, once or more, when nobody may join any more. */
  constructor(call: Call, streaming: boolean, result: CacheResult, maxBytes: number, closed: () => void) {
    this.call = innerCall(call, result);
    this.streaming = streaming;
    this.#maxBytes = maxBytes;
    this.#closed = closed;
  }

  /** Chunks so far. */
  get length(): number {
    return this.#gone + this.#chunks.length;
  }

  chunkAt(index: number): ChatChunk {
    const chunk = this.#chunks[index - this.#gone];
    if (chunk === undefined) throw new Fault('INTERNAL', 'internal error', { cause: 'a chunk that was let go' });
    return chunk;
  }

  join(seat: Seat): void {
    this.#seats.add(seat);
    const { deadline } = seat.call;
    if (deadline === undefined) this.call.deadline = undefined;
    else if (this.call.deadline !== undefined && this.call.deadline < deadline) this.call.deadline = deadline;
    this.drained();
  }

  /** A caller has gone, for the reason given; the last one to go takes the flight along. */
  leave(seat: Seat, fault: Fault): void {
    if (!this.#seats.delete(seat) || this.over) return;
    if (this.#seats.size > 0) {
      this.drained();
      return;
    }
    this.#closed();
    this.payer ??= seat.call;
    this.call.cancellation.cancel(fault);
    this.bill(seat.call);
  }

  /** Puts attempts, usage and cost down to a caller, if it is the one. */
  bill(call: Call): GatewayReport | undefined {
    if (this.payer !== call) return undefined;
    const { report, usage } = this.call;
    if (report !== undefined) {
      report.requestId = call.id;
      call.report = report;
    }
    call.usage = usage;
    return report;
  }

  message(message: ChatChunk | ChatResponse): boolean {
    if (!this.streaming) {
      this.response = message as ChatResponse;
      return true;
    }
    const chunk = message as ChatChunk;
    this.#chunks.push(chunk);
    this.#collector.add(chunk);
    this.#weigh(chunk);
    // The last one tells whose report it is.
    if (chunk.report !== undefined) this.payer = this.#first();
    let ready = false;
    for (const seat of this.#seats) {
      seat.wake();
      ready ||= !seat.blocked;
    }
    if (this.oversize) this.#trim();
    return ready;
  }

  onDrain(resume: () => void): void {
    this.#resume = resume;
  }

  /** Somebody has caught up, or there is another reader. */
  drained(): void {
    const resume = this.#resume;
    if (resume === undefined) return;
    this.#resume = undefined;
    resume();
  }

  /** The answer of another process. */
  find(found: Found): void {
    this.found = found;
    this.response = found.response;
  }

  /** It is over, and everybody is told. */
  settle(fault: Fault | undefined): void {
    this.over = true;
    this.fault = fault;
    this.#closed();
    if (fault === undefined && this.streaming && this.found === undefined) this.response = this.#collector.response();
    if (this.found === undefined) this.payer ??= this.#first();
    for (const seat of [...this.#seats]) seat.wake();
  }

  #first(): Call | undefined {
    const [seat] = this.#seats;
    return seat?.call;
  }

  /** Roughly, by its texts; what is kept is weighed to the byte. */
  #weigh({ choices }: ChatChunk): void {
    if (this.oversize) return;
    for (const { delta } of choices) {
      if (delta === undefined) continue;
      this.#weight += delta.content.length + delta.reasoningContent.length;
      for (const call of delta.toolCalls) this.#weight += call.arguments.length;
      for (const { part } of delta.parts) {
        const value = part?.part.value as { source?: { value?: { length?: number } } } | undefined;
        this.#weight += value?.source?.value?.length ?? 0;
      }
    }
    if (this.#weight <= this.#maxBytes) return;
    this.oversize = true;
    this.#closed();
  }

  #trim(): void {
    let least = this.length;
    for (const { at } of this.#seats) if (at !== undefined && at < least) least = at;
    const had = least - this.#gone;
    if (had < trimmedAtOnce) return;
    this.#chunks = this.#chunks.slice(had);
    this.#gone = least;
  }
}
