import type { Call } from '../kernel/call.ts';
import { estimatePromptTokens, weighBytes } from '../kernel/estimate.ts';
import type { LimitEvents } from '../kernel/limit-events.ts';
import type { ChatRequest } from '../kernel/messages.ts';
import type { Interceptor, Method, Reply } from '../kernel/method.ts';
import type { Decision, Demand, Limits, RateLimiter, Reservation, Subject } from '../kernel/rate-limiter.ts';
import { setLimitHeaders } from './limit-headers.ts';
import { networkOf } from './network.ts';
import { overLimit } from './over-limit.ts';

/** The limits of each tier; none where a field is left out. */
export interface TierLimits {
  readonly global?: Limits;
  readonly user?: Limits;
  /** By user, in place of `user`. */
  readonly users: ReadonlyMap<string, Limits>;
  readonly ip?: Limits;
}

export interface AdmitOptions {
  readonly limits: TierLimits;
  readonly limiter: RateLimiter;
  /** What a call that sets no max_tokens is taken to write at most. */
  readonly assumedCompletion: number;
  readonly events: LimitEvents;
}

/** A call's estimated cost. */
interface Estimate {
  readonly prompt: number;
  readonly total: number;
}

const free: Estimate = { prompt: 0, total: 0 };

/** What a call of chat consumed with all its attempts, as far as anyone can tell. */
function consumed({ report, usage }: Call): number {
  let tokens = 0;
  let counted = false;
  for (const attempt of report?.attempts ?? []) {
    if (attempt.usage === undefined) continue;
    counted = true;
    tokens += attempt.usage.promptTokens + attempt.usage.completionTokens;
  }
  return counted || usage === undefined ? tokens : usage.promptTokens + usage.completionTokens;
}

/**
 * Lets chat calls in that are within every limit, and counts what they use. Tokens are reserved by an estimate and set
 * right by what was used, however the call ends; its place among the concurrent ones is free again then.
 */
export function createAdmit({ limits, limiter, assumedCompletion, events }: AdmitOptions): Interceptor {
  const everyone: Subject | undefined = limits.global && { tier: 'global', name: '', limits: limits.global };

  function subjectsOf({ principal: { user }, address }: Call): Subject[] {
    const subjects: Subject[] = [];
    if (everyone !== undefined) subjects.push(everyone);
    const own = user === '' ? undefined : (limits.users.get(user) ?? limits.user);
    if (own !== undefined) subjects.push({ tier: 'user', name: user, limits: own });
    if (limits.ip !== undefined) subjects.push({ tier: 'ip', name: networkOf(address), limits: limits.ip });
    return subjects;
  }

  /** Where the caller sets no bound, ours is a guess, and no call is refused for good on a guess. */
  function estimate(request: ChatRequest, subjects: readonly Subject[]): Estimate {
    let smallest = Number.POSITIVE_INFINITY;
    for (const { limits: own } of subjects) if (own.tokens) smallest = Math.min(smallest, own.tokens.count);
    if (smallest === Number.POSITIVE_INFINITY) return free;
    const prompt = estimatePromptTokens(request, weighBytes);
    const most = request.maxCompletionTokens ?? request.maxTokens;
    const choices = Math.max(1, request.n ?? 1);
    if (most !== undefined) return { prompt, total: prompt + most * choices };
    return { prompt, total: Math.max(prompt, Math.min(smallest, prompt + assumedCompletion * choices)) };
  }

  /** Tells the caller where it stands, and throws if it may not go on. */
  function heed(call: Call, demand: Demand, { reservation, refusals, standings }: Decision): Reservation {
    if (standings.length > 0) setLimitHeaders(call.replyHeaders, standings, refusals);
    if (reservation !== undefined) return reservation;
    call.unclaim?.();
    for (const { subject, measure } of refusals) events.refused(subject.tier, measure);
    throw overLimit(refusals, demand);
  }

  return (next) => {
    const method = next as Method<unknown, unknown>;

    const serve = async (
      call: Call,
      request: unknown,
      reply: Reply<unknown>,
      reservation: Reservation,
      estimated: number,
    ): Promise<void> => {
      try {
        await method(call, request, reply);
        const { usage } = call;
        if (estimated > 0 && usage && !usage.estimated) events.estimated(estimated, usage.promptTokens);
      } finally {
        reservation.settle(consumed(call));
      }
    };

    const handle = async (call: Call, request: unknown, reply: Reply<unknown>): Promise<void> => {
      const subjects = subjectsOf(call);
      if (subjects.length === 0) return method(call, request, reply);
      const { prompt, total } = estimate(request as ChatRequest, subjects);
      const demand = { subjects, tokens: total };
      let decision: Decision;
      try {
        const taken = limiter.take(demand);
        decision = taken instanceof Promise ? await taken : taken;
      } catch (thrown) {
        call.unclaim?.();
        throw thrown;
      }
      return serve(call, request, reply, heed(call, demand, decision), prompt);
    };
    return handle as typeof next;
  };
}
