import type { AskedModel, AskedModelOf } from '../kernel/asked-model.ts';
import type { Call } from '../kernel/call.ts';
import { estimatePromptTokens, weighBytes } from '../kernel/estimate.ts';
import type { LimitEvents } from '../kernel/limit-events.ts';
import type { ChatRequest } from '../kernel/messages.ts';
import type { Interceptor, Method, Reply } from '../kernel/method.ts';
import type { Decision, Demand, RateLimiter, Subject } from '../kernel/rate-limiter.ts';
import { consumedCost, consumedTokens } from './consumed.ts';
import { setLimitHeaders } from './limit-headers.ts';
import { createSubjects, hasBudgets, hasModels, limitsAnything, type TierLimits } from './limited-subjects.ts';
import { overLimit } from './over-limit.ts';
import { PromptCalibration } from './prompt-calibration.ts';

export interface AdmitOptions {
  readonly limits: TierLimits;
  readonly limiter: RateLimiter;
  /** What a call that sets no max_tokens is taken to write at most. */
  readonly assumedCompletion: number;
  /** Asked only where there are budgets or limits of models. */
  readonly askedModel: AskedModelOf;
  readonly events: LimitEvents;
}

/** A call's estimated use. */
interface Estimate {
  /** Tokens of its prompt by their weight alone; 0 where nobody asks. */
  readonly weighed: number;
  readonly prompt: number;
  readonly tokens: number;
  readonly cost: number;
  /** The caller set no bound. */
  readonly guessed: boolean;
}

const free: Estimate = { weighed: 0, prompt: 0, tokens: 0, cost: 0, guessed: false };
const noNames: readonly string[] = [];

/** The smallest quota of a measure among the subjects, infinite for none. */
function smallest(subjects: readonly Subject[], measure: 'tokens' | 'budget'): number {
  let least = Number.POSITIVE_INFINITY;
  for (const { limits } of subjects) {
    const quota = limits[measure];
    if (quota !== undefined && quota.count < least) least = quota.count;
  }
  return least;
}

/**
 * Lets chat calls in that are within every limit and whose claim is the first, and counts what they use. Tokens and money
 * are reserved by an estimate and set right by what was used, however the call ends; its place among the concurrent ones is
 * free again then.
 */
export function createAdmit({ limits, limiter, assumedCompletion, askedModel, events }: AdmitOptions): Interceptor {
  const subjectsOf = createSubjects(limits);
  const limited = limitsAnything(limits);
  const calibration = new PromptCalibration();
  const byModel = hasModels(limits) || hasBudgets(limits);

  /** Where the caller sets no bound, ours is a guess, and no call is refused for good on a guess. */
  function estimate(request: ChatRequest, subjects: readonly Subject[], asked: AskedModel | undefined): Estimate {
    const mostTokens = smallest(subjects, 'tokens');
    const mostCost = asked === undefined ? Number.POSITIVE_INFINITY : smallest(subjects, 'budget');
    if (mostTokens === Number.POSITIVE_INFINITY && mostCost === Number.POSITIVE_INFINITY) return free;
    const weighed = estimatePromptTokens(request, weighBytes);
    const prompt = Math.ceil(weighed * calibration.ratio(request.model));
    const bound = request.maxCompletionTokens ?? request.maxTokens;
    const completion = (bound ?? assumedCompletion) * Math.max(1, request.n ?? 1);
    const tokens = prompt + completion;
    const cost = mostCost === Number.POSITIVE_INFINITY ? 0 : priced(asked, prompt, completion);
    const guessed = bound === undefined;
    if (!guessed || (tokens <= mostTokens && cost <= mostCost)) return { weighed, prompt, tokens, cost, guessed };
    return {
      weighed,
      prompt,
      tokens: Math.max(prompt, Math.min(mostTokens, tokens)),
      cost: cost <= mostCost ? cost : Math.max(mostCost, priced(asked, prompt, 0)),
      guessed,
    };
  }

  function priced(asked: AskedModel | undefined, prompt: number, completion: number): number {
    const cost = asked?.cost(prompt, completion);
    if (cost === undefined) events.unpriced();
    return cost ?? 0;
  }

  /** Tells the caller where it stands, and throws if it may not go on. */
  function heed(call: Call, demand: Demand, { lease, claim, refusals, standings }: Decision): number {
    if (standings.length > 0) setLimitHeaders(call.replyHeaders, standings, refusals);
    if (lease !== undefined) return lease;
    if (claim !== undefined && call.claim !== undefined) {
      events.claimRefused(claim);
      throw call.claim.refusal(claim);
    }
    for (const { subject, measure } of refusals) events.refused(subject.tier, measure);
    throw overLimit(refusals, demand);
  }

  return (next) => {
    const method = next as Method<unknown, unknown>;

    const serve = async (
      call: Call,
      request: unknown,
      reply: Reply<unknown>,
      lease: number,
      { weighed, prompt }: Estimate,
    ): Promise<void> => {
      try {
        await method(call, request, reply);
        const { usage } = call;
        if (weighed > 0 && usage && !usage.estimated) {
          events.estimated(prompt, usage.promptTokens);
          calibration.learn((request as ChatRequest).model, weighed, usage.promptTokens);
        }
      } finally {
        limiter.settle(lease, consumedTokens(call), consumedCost(call));
      }
    };

    const admit = async (
      call: Call,
      request: unknown,
      reply: Reply<unknown>,
      asked: AskedModel | undefined,
      subjects: readonly Subject[],
    ): Promise<void> => {
      const estimated = estimate(request as ChatRequest, subjects, asked);
      const { tokens, cost, guessed } = estimated;
      const demand = { subjects, tokens, cost, guessed, claim: call.claim?.claim };
      const taken = limiter.take(demand);
      const decision = taken instanceof Promise ? await taken : taken;
      return serve(call, request, reply, heed(call, demand, decision), estimated);
    };

    // Not async: a call that nothing is asked of pays nothing.
    const handle = (call: Call, request: unknown, reply: Reply<unknown>): Promise<void> => {
      if (!limited && call.claim === undefined) return method(call, request, reply);
      const asked = byModel ? askedModel(call, request as ChatRequest) : undefined;
      const subjects = subjectsOf(call, asked?.names ?? noNames);
      if (subjects.length === 0 && call.claim === undefined) return method(call, request, reply);
      return admit(call, request, reply, asked, subjects);
    };
    return handle as typeof next;
  };
}
