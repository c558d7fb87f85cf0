import type { ProviderAdapter } from '../../src/kernel/adapter.ts';
import { collect } from '../../src/kernel/collect.ts';
import type { ChatChunk, ChatResponse } from '../../src/kernel/messages.ts';
import { createFramer } from '../../src/upstream/framing/index.ts';

/** The chunks of a streamed answer that came in these pieces. */
export function chunksOf(adapter: ProviderAdapter, pieces: Iterable<Uint8Array>): ChatChunk[] {
  const chunks: ChatChunk[] = [];
  const framer = createFramer(adapter.framing);
  const decoder = adapter.decoder();
  const emit = (chunk: ChatChunk) => chunks.push(chunk);
  const push = (frame: Parameters<typeof decoder.push>[0]) => decoder.push(frame, emit);
  for (const piece of pieces) framer.push(piece, push);
  framer.end(push);
  decoder.end(emit);
  return chunks;
}

/** A body in pieces of one size. */
export function* cut(body: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < body.length; at += size) yield body.subarray(at, at + size);
}

/** The whole answer of a body that came in pieces of one size. */
export const streamed = (adapter: ProviderAdapter, body: Uint8Array, size: number): ChatResponse =>
  collect(chunksOf(adapter, cut(body, size)));
