import type { Clock } from '../../kernel/clock.ts';
import { type GateEvents, noGateEvents } from '../../kernel/gate-events.ts';
import { FailedAttempts } from '../failed-attempts.ts';

/** Three wrong credentials are free; then one is judged every 100 ms, and ten may wait. */
export const failedAttempts = (clock: Clock, events: GateEvents = noGateEvents): FailedAttempts =>
  new FailedAttempts({ free: 3, intervalMs: 100, maxWaitMs: 1_000, clock, events });
