import type { Candidate } from '../balancer/policy.ts';
import type { AttemptTimeouts } from '../balancer/settings.ts';
import type { TargetVitals } from '../balancer/vitals.ts';
import type { Call } from '../kernel/call.ts';
import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import type { Target } from '../kernel/provider.ts';
import type { Exchange, HttpRequest, ResponseHandler, ResponseHeaders, UpstreamFailure } from '../kernel/upstream.ts';

/** Makes sense of a successful answer's body. What it throws ends the attempt. */
export interface AnswerReader {
  /** Whether something meaningful has come: from then on silence is measured by the idle limit. */
  readonly begun: boolean;
  /** Whether it is a stream, whose first piece is waited for, or a whole answer. */
  readonly streaming: boolean;
  data(bytes: Uint8Array): void;
  /** `broken` tells that the body has no end of its own: the connection broke, or nothing more came. */
  end(broken?: boolean): void;
}

const failureBytes = 64 * 1024;
/** A timer that is later than this tells of a busy process, or one that was stopped, not of a slow provider. */
const lateMs = 100;

/**
 * One request to one provider, and its answer read to the end.
 * `done` runs exactly once: without a fault when the answer was whole.
 */
export class AttemptExchange implements ResponseHandler {
  status = 0;
  headers: ResponseHeaders = {};
  readonly #target: Target;
  readonly #vitals: TargetVitals;
  readonly #clock: Clock;
  readonly #timeouts: AttemptTimeouts;
  readonly #reader: AnswerReader;
  readonly #done: (fault: Fault | undefined) => void;
  readonly #startedAt: number;
  #exchange: Exchange | undefined;
  #failure: Uint8Array[] | undefined;
  #failureLength = 0;
  #lastByteAt: number;
  /** When the timer runs. */
  #due = Number.POSITIVE_INFINITY;
  #wasLate = false;
  #paused = false;
  #finished = false;
  #stopTimer: (() => void) | undefined;
  #stopListening: (() => void) | undefined;

  constructor(
    { target, vitals, timeouts }: Candidate,
    reader: AnswerReader,
    clock: Clock,
    done: (fault: Fault | undefined) => void,
  ) {
    this.#target = target;
    this.#vitals = vitals;
    this.#reader = reader;
    this.#clock = clock;
    this.#timeouts = timeouts;
    this.#done = done;
    this.#startedAt = clock.now();
    this.#lastByteAt = this.#startedAt;
  }

  start(call: Call, request: HttpRequest): void {
    this.#stopListening = call.cancellation.onCancel((fault) => this.#abandon(fault));
    if (this.#finished) return;
    this.#watch();
    const exchange = this.#target.provider.upstream.send(request, this);
    this.#exchange = exchange;
    // The answer may have come, and been refused, before send returned.
    if (this.#finished) exchange.cancel();
  }

  /** Gives the attempt up: the provider's socket closes now. */
  cancel(fault: Fault): void {
    this.#abandon(fault);
  }

  pause(): void {
    this.#paused = true;
    this.#exchange?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#lastByteAt = this.#clock.now();
    this.#exchange?.resume();
  }

  head(status: number, headers: ResponseHeaders): void {
    this.status = status;
    this.headers = headers;
    if (status < 200 || status >= 300) this.#failure = [];
  }

  data(bytes: Uint8Array): void {
    if (this.#finished) return;
    this.#lastByteAt = this.#clock.now();
    if (this.#failure !== undefined) {
      const room = failureBytes - this.#failureLength;
      if (room > 0) this.#failure.push(bytes.subarray(0, room));
      this.#failureLength += bytes.length;
      if (this.#failureLength >= failureBytes) this.#fail();
      return;
    }
    const begun = this.#reader.begun;
    try {
      this.#reader.data(bytes);
    } catch (thrown) {
      this.#abandon(Fault.from(thrown));
      return;
    }
    // The timer waits for a first token; silence after it may be due sooner.
    if (this.#reader.begun && !begun && !this.#finished && this.#lastByteAt + this.#timeouts.idleMs < this.#due) {
      this.#stopTimer?.();
      this.#watch();
    }
  }

  end(): void {
    if (this.#finished) return;
    if (this.#failure !== undefined) {
      this.#fail();
      return;
    }
    let fault: Fault | undefined;
    try {
      this.#reader.end();
    } catch (thrown) {
      fault = Fault.from(thrown);
    }
    this.#finish(fault);
  }

  error(kind: UpstreamFailure, cause: unknown): void {
    const name = this.#target.provider.name;
    if (this.#failure !== undefined) {
      this.#fail();
      return;
    }
    if (cause instanceof Fault) {
      this.#finish(cause);
      return;
    }
    const detail = { blame: 'provider', status: this.status, cause, metadata: { provider: name } } as const;
    if (this.status !== 0) {
      if (this.#endsWhole()) return;
      this.#finish(new Fault('PROVIDER_STREAM_CUT', `the provider ${name} broke off its answer`, detail));
    } else if (kind === 'protocol') {
      this.#finish(new Fault('PROVIDER_MALFORMED', `the provider ${name} did not answer in HTTP`, detail));
    } else {
      const what = kind === 'connect' ? 'could not be reached' : 'closed the connection without an answer';
      this.#finish(new Fault('PROVIDER_UNAVAILABLE', `the provider ${name} ${what}`, detail));
    }
  }

  #fail(): void {
    this.#exchange?.cancel();
    const { adapter, name } = this.#target.provider;
    const body = Buffer.concat(this.#failure ?? []);
    try {
      this.#finish(adapter.fault({ status: this.status, headers: this.headers, body, now: this.#clock.wall() }));
    } catch (cause) {
      const detail = { blame: 'provider', status: this.status, cause } as const;
      this.#finish(new Fault('PROVIDER_MALFORMED', `the provider ${name} failed in an unknown way`, detail));
    }
  }

  /** A stream that has said its end mark counts as whole, though the connection broke or nothing more came. */
  #endsWhole(): boolean {
    if (!this.#reader.begun) return false;
    try {
      this.#reader.end(true);
    } catch {
      return false;
    }
    this.#exchange?.cancel();
    this.#finish(undefined);
    return true;
  }

  #abandon(fault: Fault): void {
    if (this.#finished) return;
    const since = this.#clock.now();
    this.#exchange?.cancel(() => this.#vitals.aborted(fault.reason, this.#clock.now() - since));
    this.#finish(fault);
  }

  #finish(fault: Fault | undefined): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#stopTimer?.();
    this.#stopListening?.();
    this.#done(fault);
  }

  /** One timer for three limits: it wakes at the earliest that may have passed, and looks. */
  readonly #watch = (): void => {
    const { firstTokenMs, wholeMs, idleMs, totalMs } = this.#timeouts;
    const now = this.#clock.now();
    const silence = this.#reader.begun
      ? (this.#paused ? now : this.#lastByteAt) + idleMs
      : this.#startedAt + (this.#reader.streaming ? firstTokenMs : wholeMs);
    const due = Math.min(silence, this.#startedAt + totalMs);
    if (now > this.#due + lateMs && !this.#wasLate) {
      // Timers may come before what is to be read: what the provider has sent meanwhile is heard first.
      this.#wasLate = true;
      this.#stopTimer = this.#clock.after(lateMs, this.#watch);
    } else if (now >= due) {
      if (this.#endsWhole()) return;
      const slow = this.#reader.streaming ? 'gave no first token in time' : 'gave no answer in time';
      const what = due === silence ? (this.#reader.begun ? 'stalled' : slow) : 'took too long';
      const name = this.#target.provider.name;
      const detail = { blame: 'provider', status: this.status, metadata: { provider: name } } as const;
      this.#abandon(new Fault('PROVIDER_TIMEOUT', `the provider ${name} ${what}`, detail));
    } else {
      this.#wasLate = false;
      this.#due = due;
      this.#stopTimer = this.#clock.after(due - now, this.#watch);
    }
  };
}
