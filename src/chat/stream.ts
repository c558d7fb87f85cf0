import { Role } from '../../gen/es/llmbridge/v1/content_pb.ts';
import type { Lane } from '../balancer/lane.ts';
import type { Candidate } from '../balancer/policy.ts';
import type { EncodedRequest } from '../kernel/adapter.ts';
import type { Call } from '../kernel/call.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Fault } from '../kernel/fault.ts';
import { type ChatChunk, type ChatRequest, newMessage } from '../kernel/messages.ts';
import type { CostOf } from '../kernel/provider.ts';
import { StreamedAnswer } from './answer.ts';
import { Attempt } from './attempt.ts';
import { encode, readsAsItComes } from './encode.ts';
import type { Output } from './output.ts';
import { Resumption } from './resumption.ts';
import type { Course, Sequel } from './run.ts';
import type { Shot } from './shot.ts';

/** One attempt at a stream. Until something meaningful has come it keeps its chunks: another may still serve. */
class StreamShot implements Shot<void> {
  readonly done: Promise<void>;
  onBegin: (() => void) | undefined;
  #attempt: Attempt | undefined;
  readonly #output: Output;
  readonly #model: string;
  #early: ChatChunk[] | undefined = [];

  constructor(parts: StreamParts, candidate: Candidate, key: number, encoded: EncodedRequest) {
    const { call, clock, request, output, lane, costOf } = parts;
    this.#output = output;
    this.#model = candidate.target.model;
    const startedAt = clock.now();
    // What may have to be mended is put together anew.
    const reads = output.sent === undefined ? readsAsItComes(call) : undefined;
    const answer: StreamedAnswer = new StreamedAnswer(candidate.target.provider.adapter, reads, (chunk) => {
      const early = this.#early;
      if (early === undefined) {
        output.push(chunk);
        return;
      }
      early.push(chunk);
      if (!answer.begun) return;
      const now = clock.now();
      candidate.vitals.firstToken.observe(now - startedAt, now);
      lane.pace.observe(now - startedAt);
      this.onBegin?.();
      output.from(this, now);
      this.#flush(early);
    });
    const attempt = new Attempt({ call, clock, request, candidate, key, encoded, reader: answer, costOf });
    this.#attempt = attempt;
    this.done = attempt.done.then(() => {
      if (this.#early !== undefined) this.#flush(this.#early);
      // What the provider told, be it nothing, is what the caller is told; limits go by the attempt's own.
      call.usage = answer.usage ?? attempt.usage;
    });
    attempt.start();
  }

  cancel(fault: Fault): void {
    this.#attempt?.cancel(fault);
  }

  pause(): void {
    this.#attempt?.pause();
  }

  resume(): void {
    this.#attempt?.resume();
  }

  #flush(early: readonly ChatChunk[]): void {
    this.#early = undefined;
    this.#attempt?.serves();
    this.#output.begin(early, this.#model);
  }
}

export interface StreamParts {
  readonly call: Call;
  readonly clock: Clock;
  readonly request: ChatRequest;
  readonly lane: Lane;
  readonly output: Output;
  readonly costOf: CostOf;
}

/**
 * Attempts at a stream. Before the caller has had anything, a failed one is followed by another as with whole answers;
 * afterwards a cut is mended where the route says so, by the same prompt anew or by a continuation of what was sent.
 */
export class StreamCourse implements Course<void> {
  readonly #parts: StreamParts;
  /** Targets that refused to go on with an answer begun. */
  readonly #noPrefill = new Set<Candidate>();
  /** How the attempt under way takes the answer up; empty for the first. */
  mode: '' | 'restart' | 'continue' = '';

  constructor(parts: StreamParts) {
    this.#parts = parts;
  }

  shoot(candidate: Candidate, key: number): Shot<void> {
    const { call, request, output } = this.#parts;
    const { target } = candidate;
    if (output.cut === undefined || output.sent === undefined) {
      return new StreamShot(this.#parts, candidate, key, encode(request, call.source, target, key, true));
    }
    const { content, reasoning } = output.sent;
    const prefill = content.trimEnd();
    if (!this.#mayContinue(candidate, prefill)) {
      this.mode = 'restart';
      const encoded = encode(request, call.source, target, key, true);
      output.resumption = new Resumption(content, reasoning, false);
      return new StreamShot(this.#parts, candidate, key, encoded);
    }
    this.mode = 'continue';
    const message = newMessage(Role.ASSISTANT);
    message.content = prefill;
    const longer = { ...request, messages: [...request.messages, message] };
    const encoded = encode(longer, undefined, target, key, true);
    // Providers refuse a prefill that ends in white space; what was cut off comes again.
    output.resumption = new Resumption(content.slice(prefill.length), '', true);
    return new StreamShot({ ...this.#parts, request: longer }, candidate, key, encoded);
  }

  after(fault: Fault, candidate: Candidate): Sequel {
    const { output, lane } = this.#parts;
    if (!output.committed) return 'on';
    const { blame } = fault.detail;
    if (this.mode === 'continue' && blame === 'caller' && !this.#noPrefill.has(candidate)) {
      this.#noPrefill.add(candidate);
      return 'again';
    }
    if (lane.settings.recovery === 'off' || output.sent === undefined || output.sent.unrepeatable) return 'end';
    if (blame === undefined) return 'end';
    output.cut ??= fault;
    return 'elsewhere';
  }

  #mayContinue(candidate: Candidate, prefill: string): boolean {
    const { lane } = this.#parts;
    return (
      lane.settings.recovery === 'continue' &&
      prefill !== '' &&
      candidate.target.provider.prefill === true &&
      !this.#noPrefill.has(candidate)
    );
  }
}
