import { type Blame, Code, Fault } from '../kernel/fault.ts';

const movable: ReadonlySet<Blame> = new Set<Blame>(['limit', 'credential', 'target', 'provider']);

/** Whether another target may be asked after a fault: never after the caller's own, or a call's end. */
export function mayMoveOn({ reason, detail: { blame, status } }: Fault, contextFallback: boolean): boolean {
  if (blame === undefined) return false;
  // What this dialect can't carry, and so was never sent, another may.
  if (reason === 'PARAMETER_UNSUPPORTED' && status === undefined) return true;
  return movable.has(blame) || (blame === 'context' && contextFallback);
}

/** When a caller may come back who met a failing provider that is not ejected yet, or a limit that named no time. */
const soonMs = 1_000;

/** How soon a fault may pass, and whether it is a limit. */
interface Wait {
  readonly ms: number;
  readonly limited: boolean;
}

/** How much a caller learns from a failure: one that passes comes before what is wrong with our side's settings. */
const weight = ({ detail: { blame } }: Fault): number => (blame === 'provider' || blame === 'limit' ? 1 : 0);

/**
 * What the caller is told when no target could serve: the last failure that passes; where all were limited,
 * PROVIDER_RATE_LIMITED with the shortest wait.
 * @param wait until some target may be asked again
 */
export function lastWord(failures: readonly Fault[], wait: Wait): Fault {
  const ms = Number.isFinite(wait.ms) && wait.ms > 0 ? Math.ceil(wait.ms) : undefined;
  const after = ms === undefined ? undefined : { retryAfterMs: ms };
  const [only] = failures;
  if (only === undefined) {
    return wait.limited
      ? new Fault('PROVIDER_RATE_LIMITED', 'every provider of this model is over its rate limit', {
          blame: 'limit',
          ...after,
        })
      : new Fault('PROVIDER_UNAVAILABLE', 'no provider can serve this model now', { blame: 'provider', ...after });
  }
  if (failures.length > 1 && failures.every(({ detail }) => detail.blame === 'limit')) {
    const waits = failures.flatMap(({ detail }) => detail.retryAfterMs ?? []);
    const shortest = Math.min(...waits, ms ?? Number.POSITIVE_INFINITY);
    return new Fault('PROVIDER_RATE_LIMITED', 'every provider of this model is over its rate limit', {
      blame: 'limit',
      ...(Number.isFinite(shortest) && { retryAfterMs: shortest }),
    });
  }
  const told = failures.reduce((told, fault) => (weight(fault) >= weight(told) ? fault : told));
  const passes = told.shape.code === Code.UNAVAILABLE || told.detail.blame === 'limit';
  if (!passes || told.detail.retryAfterMs !== undefined) return told;
  return new Fault(told.reason, told.message, { ...told.detail, retryAfterMs: ms ?? soonMs });
}
