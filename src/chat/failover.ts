import type { Call } from '../kernel/call.ts';
import { Fault } from '../kernel/fault.ts';
import type { Target } from '../kernel/provider.ts';

/**
 * Tries targets in order until one answers. A fault moves on to the next target unless it is the caller's own, the
 * call was cancelled, or something already reached the caller.
 * Rejects with the last fault; where all targets were limited, with PROVIDER_RATE_LIMITED and the shortest wait.
 */
export async function failOver<T>(
  call: Call,
  targets: readonly Target[],
  attempt: (target: Target) => Promise<T>,
  committed: () => boolean,
): Promise<T> {
  const failures: Fault[] = [];
  for (const target of targets) {
    call.cancellation.throwIfCancelled();
    try {
      return await attempt(target);
    } catch (thrown) {
      const fault = Fault.from(thrown);
      if (committed() || !mayMoveOn(fault)) throw fault;
      failures.push(fault);
    }
  }
  throw worst(failures);
}

function mayMoveOn(fault: Fault): boolean {
  switch (fault.detail.blame) {
    case 'limit':
    case 'credential':
    case 'target':
    case 'provider':
      return true;
    default:
      return false;
  }
}

function worst(failures: readonly Fault[]): Fault {
  const last = failures.at(-1) ?? new Fault('PROVIDER_UNAVAILABLE', 'no provider can serve this model now');
  if (failures.length < 2 || !failures.every((fault) => fault.detail.blame === 'limit')) return last;
  const waits = failures.flatMap((fault) => fault.detail.retryAfterMs ?? []);
  return new Fault('PROVIDER_RATE_LIMITED', 'every provider of this model is over its rate limit', {
    blame: 'limit',
    ...(waits.length > 0 && { retryAfterMs: Math.min(...waits) }),
  });
}
