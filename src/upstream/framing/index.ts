import type { Framing } from '../../kernel/adapter.ts';
import type { Framer } from './framer.ts';
import { NdjsonFramer } from './ndjson.ts';
import { SseFramer } from './sse.ts';

export type { Framer, OnFrame } from './framer.ts';

const framers: Readonly<Partial<Record<Framing, () => Framer>>> = {
  sse: () => new SseFramer(),
  ndjson: () => new NdjsonFramer(),
};

/** A framer for one answer. */
export function createFramer(framing: Framing): Framer {
  const create = framers[framing];
  if (create === undefined) throw new Error(`no framer for ${framing}`);
  return create();
}
