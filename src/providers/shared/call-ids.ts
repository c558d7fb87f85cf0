import type { Message } from '../../../gen/es/llmbridge/v1/content_pb.ts';

/**
 * An id for a call that came without one: callers tie results to calls by it. It differs between answers as `answer`
 * does, and keeps to the letters and the length that every provider takes.
 */
export const madeCallId = (dialect: string, answer: string, nth: number): string =>
  `${dialect}_${answer.replace(/[^A-Za-z0-9_-]/g, '').slice(-24)}_${nth}`;

/** Whether the provider knows nothing of this id, as it was made here. */
export const isMadeCallId = (dialect: string, id: string): boolean => id.startsWith(`${dialect}_`);

/** The function that a call of this id was of, for results that name it; '' for none. */
export function nameOfCall(callId: string, messages: readonly Message[]): string {
  for (const { toolCalls } of messages) {
    const call = toolCalls.find(({ id }) => id === callId);
    if (call) return call.name;
  }
  return '';
}
