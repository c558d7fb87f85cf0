import type { Clock } from './kernel/clock.ts';
import { ClaimedNonces } from './stores/memory/claimed-nonces.ts';
import { MemoryRateLimiter } from './stores/memory/rate-limiter.ts';

/** Limits and nonces kept in this process: its own, or, in the primary process, those of all workers. */
export function limitsInMemory(epochGuardMs: number, clock: Clock) {
  const nonces = new ClaimedNonces({ epochGuardMs, clock });
  return { nonces, limiter: new MemoryRateLimiter(clock, nonces) };
}
