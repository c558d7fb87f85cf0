import type { Candidate } from '../balancer/policy.ts';
import type { Call } from '../kernel/call.ts';
import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import type { ChatRequest, ChatResponse } from '../kernel/messages.ts';
import type { CostOf } from '../kernel/provider.ts';
import { WholeAnswer } from './answer.ts';
import { Attempt } from './attempt.ts';
import { encode, readsAsItComes } from './encode.ts';
import { Heading } from './heading.ts';
import type { Course, Sequel } from './run.ts';
import type { Shot } from './shot.ts';

/** One attempt at an answer that is not streamed. */
class WholeShot implements Shot<ChatResponse> {
  readonly done: Promise<ChatResponse>;
  onBegin: (() => void) | undefined;
  readonly #attempt: Attempt;

  constructor(attempt: Attempt, answer: WholeAnswer, heading: Heading, model: string) {
    this.#attempt = attempt;
    this.done = attempt.done.then(() => {
      const { response } = answer;
      if (response === undefined) throw new Fault('INTERNAL', 'internal error');
      response.usage ??= attempt.usage;
      heading.begin([response], model);
      heading.put(response);
      attempt.serves();
      return response;
    });
    attempt.start();
  }

  cancel(fault: Fault): void {
    this.#attempt.cancel(fault);
  }
}

/** Attempts at an answer that is not streamed: nothing reaches the caller before one is whole. */
export class WholeCourse implements Course<ChatResponse> {
  readonly #call: Call;
  readonly #request: ChatRequest;
  readonly #clock: Clock;
  readonly #costOf: CostOf;

  constructor(call: Call, request: ChatRequest, clock: Clock, costOf: CostOf) {
    this.#costOf = costOf;
    this.#call = call;
    this.#request = request;
    this.#clock = clock;
  }

  shoot(candidate: Candidate, key: number): Shot<ChatResponse> {
    const { target } = candidate;
    const call = this.#call;
    const request = this.#request;
    const reader = new WholeAnswer(target.provider.adapter, readsAsItComes(call));
    const encoded = encode(request, call.source, target, key, false);
    const costOf = this.#costOf;
    const attempt = new Attempt({ call, clock: this.#clock, request, candidate, key, encoded, reader, costOf });
    return new WholeShot(attempt, reader, new Heading(call, this.#clock), target.model);
  }

  after(): Sequel {
    return 'on';
  }
}
