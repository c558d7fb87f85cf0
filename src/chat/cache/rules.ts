import { FinishReason } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { Message } from '../../../gen/es/llmbridge/v1/content_pb.ts';
import type { ChatRequest, ChatResponse } from '../../kernel/messages.ts';
import type { CacheDirectives } from './cache-control.ts';

/** How the answers of a route are kept. */
export interface CachePolicy {
  readonly ttlMs: number;
  /** The highest temperature at which an answer is as good as another. */
  readonly maxTemperature: number;
  /** Whether all calls are served from the cache, or those alone that ask for it. */
  readonly when: 'always' | 'asked';
}

/**
 * Whether a request may be answered by an earlier answer to the same words. One that asks for variety may not: several
 * answers, or a temperature above the policy's without a seed. One without a temperature takes what comes: models that
 * reason take none at all. One that wants the exchange stored at its provider wants more than the answer.
 */
export function mayCache(request: ChatRequest, policy: CachePolicy, { noStore, asks }: CacheDirectives): boolean {
  if (noStore || (policy.when === 'asked' && !asks)) return false;
  const { n, store, temperature, seed } = request;
  if ((n ?? 1) > 1 || store === true) return false;
  return temperature === undefined || temperature <= policy.maxTemperature || seed !== undefined;
}

/** Whether there is something in it, and no refusal, and nothing that is gone at its provider before long. */
function isGood({ content, parts, toolCalls, refusal }: Message): boolean {
  if (refusal !== '') return false;
  for (const { part } of parts) {
    if (part.case === 'refusal' || (part.case === 'audio' && part.value.expiresAt > 0)) return false;
  }
  return content !== '' || toolCalls.length > 0 || parts.some(({ part }) => part.case !== 'reasoning');
}

/**
 * Whether an answer is worth keeping: whole, said by one attempt from beginning to end, and with an end of its own or the
 * one that the caller set.
 */
export function mayKeep(request: ChatRequest, { choices, usage, report }: ChatResponse): boolean {
  if (choices.length === 0 || usage?.partial || (report !== undefined && report.recovered !== '')) return false;
  const bounded = (request.maxCompletionTokens ?? request.maxTokens) !== undefined;
  return choices.every(({ message, finishReason }) => {
    if (message === undefined || !isGood(message)) return false;
    const { STOP, TOOL_CALLS, LENGTH } = FinishReason;
    return finishReason === STOP || finishReason === TOOL_CALLS || (finishReason === LENGTH && bounded);
  });
}
