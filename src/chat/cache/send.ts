import type { Call } from '../../kernel/call.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { ChatResponse } from '../../kernel/messages.ts';
import { pause } from '../../kernel/pause.ts';
import type { CacheResult } from '../../kernel/response-cache.ts';
import type { Asked, ChatReply } from './asked.ts';
import { chunksOf } from './replay.ts';
import type { Found } from './shelf.ts';
import { serveKept, tellKept } from './tell.ts';

/** How a kept answer is streamed. */
export interface ReplayPace {
  /** Characters of text in a chunk. */
  readonly chunk: number;
  /** Milliseconds from one chunk to the next; 0 for as fast as the caller reads. */
  readonly paceMs: number;
}

/** Sends whole answers to callers, in chunks where they asked for a stream. */
export class Sender {
  readonly #pace: ReplayPace;
  readonly #clock: Clock;

  constructor(pace: ReplayPace, clock: Clock) {
    this.#pace = pace;
    this.#clock = clock;
  }

  /** Sends an answer that is the caller's own, report and all. Rejects with the call's cancellation. */
  send({ call, reply, streaming }: Asked, own: ChatResponse): Promise<void> | undefined {
    if (streaming) return this.#replay(own, call, reply);
    reply.message(own);
    return undefined;
  }

  /** Sends an answer that was there. */
  sendFound(asked: Asked, { response, ageMs }: Found, result: CacheResult): Promise<void> | undefined {
    const { call } = asked;
    tellKept(call, response.report, result, ageMs);
    return this.send(asked, { ...response, report: serveKept(call, response, result, ageMs, this.#clock.now()) });
  }

  async #replay(response: ChatResponse, call: Call, reply: ChatReply): Promise<void> {
    const { chunk: size, paceMs } = this.#pace;
    let first = true;
    for (const chunk of chunksOf(response, size)) {
      if (!first && paceMs > 0) await pause(this.#clock, call, paceMs);
      first = false;
      if (!reply.message(chunk)) await new Promise<void>((resolve) => reply.onDrain(resolve));
      call.cancellation.throwIfCancelled();
    }
  }
}
