/**
 * An id for a call that came without one: callers tie results to calls by it. It differs between answers as `answer`
 * does, and keeps to the letters and the length that every provider takes.
 */
export const madeCallId = (dialect: string, answer: string, nth: number): string =>
  `${dialect}_${answer.replace(/[^A-Za-z0-9_-]/g, '').slice(-24)}_${nth}`;

/** Whether the provider knows nothing of this id, as it was made here. */
export const isMadeCallId = (dialect: string, id: string): boolean => id.startsWith(`${dialect}_`);
