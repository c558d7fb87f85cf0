import type { GatewayReport } from '../../gen/es/llmbridge/v1/report_pb.ts';
import type { RecoveryMode } from '../balancer/settings.ts';
import type { Call } from '../kernel/call.ts';
import type { Fault } from '../kernel/fault.ts';
import type { ChatChunk } from '../kernel/messages.ts';
import type { Reply } from '../kernel/method.ts';
import type { Heading } from './heading.ts';
import type { Resumption } from './resumption.ts';
import { SentText } from './resumption.ts';
import { Tail } from './tail.ts';

/** What gives the chunks: held on while the caller reads slowly. */
interface Source {
  pause(): void;
  resume(): void;
}

/** One stream towards the caller, whichever attempts feed it. */
export class Output {
  readonly #tail = new Tail();
  /** What the caller has had; kept only where a cut may be mended. */
  readonly sent: SentText | undefined;
  /** Why the attempt was lost that had begun to reach the caller. */
  cut: Fault | undefined;
  /** Drops what a new attempt says again. */
  resumption: Resumption | undefined;
  readonly #call: Call;
  readonly #reply: Reply<ChatChunk>;
  readonly #send: (chunk: ChatChunk) => void;
  #source: Source | undefined;
  /** The caller reads slowly, and will be heard of. */
  #held = false;
  readonly #heading: Heading;

  constructor(call: Call, heading: Heading, reply: Reply<ChatChunk>, recovery: RecoveryMode) {
    this.#call = call;
    this.#heading = heading;
    this.#reply = reply;
    this.sent = recovery === 'off' ? undefined : new SentText();
    const resume = () => {
      this.#held = false;
      this.#source?.resume();
    };
    this.#send = (chunk) => {
      if (this.#reply.message(chunk)) return;
      this.#source?.pause();
      // What had arrived already may still follow; one resumption is enough.
      if (this.#held) return;
      this.#held = true;
      this.#reply.onDrain(resume);
    };
  }

  /** Whether something meaningful has come; from then on no other target may simply take over. */
  get committed(): boolean {
    return this.#call.firstTokenAt !== undefined;
  }

  /** From now on `source` feeds it. */
  from(source: Source, now: number): void {
    this.#source = source;
    this.#call.firstTokenAt ??= now;
  }

  /** An attempt's first chunks; `model` is what it was asked for. */
  begin(early: readonly ChatChunk[], model: string): void {
    this.#heading.begin(early, model);
    for (const chunk of early) this.push(chunk);
  }

  /** The last chunk, for a whole answer. */
  finish(report: GatewayReport): ChatChunk {
    const last = this.#tail.finish(report);
    this.#heading.put(last);
    return last;
  }

  push(chunk: ChatChunk): void {
    this.#heading.put(chunk);
    if (this.sent === undefined) {
      this.#tail.push(chunk, this.#send);
      return;
    }
    const left = this.resumption === undefined ? chunk : this.resumption.take(chunk);
    if (left === undefined) return;
    this.sent.add(left);
    this.#tail.push(left, this.#send);
  }
}
