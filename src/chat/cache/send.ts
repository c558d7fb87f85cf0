import type { Call } from '../../kernel/call.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { ChatChunk } from '../../kernel/messages.ts';
import type { Reply } from '../../kernel/method.ts';
import { pause } from '../../kernel/pause.ts';

/** How a kept answer is streamed. */
export interface ReplayPace {
  /** Characters of text in a chunk. */
  readonly chunk: number;
  /** Milliseconds from one chunk to the next; 0 for as fast as the caller reads. */
  readonly paceMs: number;
}

/** Sends chunks one after another. Rejects with the call's cancellation. */
export async function sendPaced(
  chunks: Iterable<ChatChunk>,
  paceMs: number,
  call: Call,
  reply: Reply<ChatChunk>,
  clock: Clock,
): Promise<void> {
  let first = true;
  for (const chunk of chunks) {
    if (!first && paceMs > 0) await pause(clock, call, paceMs);
    first = false;
    if (!reply.message(chunk)) await new Promise<void>((resolve) => reply.onDrain(resolve));
    call.cancellation.throwIfCancelled();
  }
}
