import type { Usage } from '../../gen/es/llmbridge/v1/usage_pb.ts';
import type { Candidate } from '../balancer/policy.ts';
import type { EncodedRequest } from '../kernel/adapter.ts';
import type { Call } from '../kernel/call.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Fault } from '../kernel/fault.ts';
import type { ChatRequest } from '../kernel/messages.ts';
import type { CostOf } from '../kernel/provider.ts';
import { failedUsage, partialUsage, sumCosts, wholeUsage } from './account.ts';
import { type AnswerReader, AttemptExchange } from './exchange.ts';
import { tellAnswer, tellFailure, withCallerHeaders } from './passing-headers.ts';
import { recordAttempt } from './report.ts';

/** Reads an answer, and keeps count of it. */
export interface CountingReader extends AnswerReader {
  /** The provider's last count. */
  readonly usage: Usage | undefined;
  /** Characters of text so far. */
  readonly written: number;
}

export interface AttemptSetup {
  readonly call: Call;
  readonly clock: Clock;
  readonly request: ChatRequest;
  readonly candidate: Candidate;
  /** Position of the key that it uses; the provider's place for it is taken. */
  readonly key: number;
  readonly encoded: EncodedRequest;
  readonly reader: CountingReader;
  readonly costOf: CostOf;
}

/** One request to one target, from the moment it is sent: timed, accounted, and told to the target's vitals. */
export class Attempt {
  readonly startedAt: number;
  readonly done: Promise<void>;
  /** What it consumed; set when it is done. */
  usage: Usage | undefined;
  readonly #setup: AttemptSetup;
  readonly #exchange: AttemptExchange;

  constructor(setup: AttemptSetup) {
    this.#setup = setup;
    const { clock, candidate, reader } = setup;
    this.startedAt = clock.now();
    const probe = candidate.vitals.begin();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.done = promise;
    this.#exchange = new AttemptExchange(candidate, reader, clock, (fault) => {
      this.#close(setup, probe, fault);
      if (fault === undefined) resolve();
      else reject(fault);
    });
  }

  /** Sends it; to be called once. The answer may come before this returns. */
  start(): void {
    const { call, candidate, encoded } = this.#setup;
    this.#exchange.start(call, withCallerHeaders(encoded, call, candidate.target.provider));
  }

  /** It is the one that answers the caller. To be called before the first message. */
  serves(): void {
    const { call, candidate, encoded } = this.#setup;
    tellAnswer(call, candidate.target, encoded.notes, this.#exchange.headers);
  }

  cancel(fault: Fault): void {
    this.#exchange.cancel(fault);
  }

  pause(): void {
    this.#exchange.pause();
  }

  resume(): void {
    this.#exchange.resume();
  }

  #close(setup: AttemptSetup, probe: boolean, fault?: Fault): void {
    const { call, clock, request, candidate, key, encoded, reader, costOf } = setup;
    const { target, vitals, admission } = candidate;
    const durationMs = clock.now() - this.startedAt;
    vitals.end(key, probe, fault);
    admission.leave(durationMs);
    if (fault !== undefined)
      this.usage = partialUsage(request, fault, { status: this.#exchange.status, ...counts(reader) });
    else {
      this.usage = wholeUsage(request, reader);
      if (!reader.streaming) vitals.whole.observe(durationMs, clock.now());
    }
    if (fault !== undefined) tellFailure(call, this.#exchange.headers);
    if (call.report === undefined) return;
    const record = recordAttempt(call.report, target, encoded.notes, this.#exchange.status, durationMs, fault);
    if (this.usage === undefined) return;
    record.usage = this.usage;
    const cost = costOf(target, this.usage);
    if (cost !== undefined) record.costUsd = cost;
    const sum = sumCosts(call.report);
    if (sum === undefined) delete call.report.costUsd;
    else call.report.costUsd = sum;
    // A call that its caller left may be over before anyone hears of the attempt's end.
    if (fault !== undefined) call.usage = failedUsage(call.report);
  }
}

const counts = ({ usage, written }: CountingReader) => ({ usage, written });
