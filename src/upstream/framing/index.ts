import type { Framing } from '../../kernel/adapter.ts';
import { AwsEventStreamFramer } from './aws-event-stream.ts';
import type { Framer } from './framer.ts';
import { NdjsonFramer } from './ndjson.ts';
import { SseFramer } from './sse.ts';

export type { Framer } from './framer.ts';

const framers: Readonly<Record<Framing, () => Framer>> = {
  sse: () => new SseFramer(),
  ndjson: () => new NdjsonFramer(),
  'aws-event-stream': () => new AwsEventStreamFramer(),
};

/** A framer for one answer. */
export function createFramer(framing: Framing): Framer {
  return framers[framing]();
}
