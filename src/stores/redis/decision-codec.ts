import type { Level, Limits, Measure, Refusal, Standing, Subject } from '../../kernel/rate-limiter.ts';

// What the scripts of limit-scripts.ts take and return, field by field.

const measures: readonly Measure[] = ['requests', 'tokens', 'concurrent', 'budget'];
const fieldsOfSubject = 8;

/** A subject's limits as the script takes them. */
export const limitArgs = ({ requests, burst, tokens, concurrent, budget }: Limits): number[] => [
  requests?.count ?? -1,
  requests?.windowMs ?? -1,
  burst ?? -1,
  tokens?.count ?? -1,
  tokens?.windowMs ?? -1,
  concurrent ?? -1,
  budget?.count ?? -1,
  budget?.windowMs ?? -1,
];

/** What a script sets right of a subject, where its tokens and cost were reserved in these slots. */
export const settleArgs = ({ requests, tokens, budget }: Limits, tokenSlot: number, costSlot: number): number[] => [
  requests?.windowMs ?? -1,
  tokenSlot,
  tokens?.count ?? -1,
  tokens?.windowMs ?? -1,
  costSlot,
  budget?.count ?? -1,
  budget?.windowMs ?? -1,
];

const levelOf = (used: number | undefined, resetMs: number | undefined): Level | undefined =>
  used === undefined || used < 0 ? undefined : { used, resetMs: resetMs ?? 0 };

/** Where the subject of this place stands, by the reply of a decision. */
export function standingOf(reply: readonly number[], subject: Subject, i: number): Standing {
  const at = 1 + i * fieldsOfSubject;
  return {
    subject,
    requests: levelOf(reply[at], reply[at + 1]),
    tokens: levelOf(reply[at + 2], reply[at + 3]),
    budget: levelOf(reply[at + 4], reply[at + 5]),
  };
}

/** The limits in the way, by the reply of a decision. */
export function refusalsOf(reply: readonly number[], subjects: readonly Subject[]): Refusal[] {
  const refusals: Refusal[] = [];
  for (let at = 1 + subjects.length * fieldsOfSubject; at < reply.length; at += 3) {
    const [index = 0, which = 1, wait = 0] = reply.slice(at);
    const subject = subjects[index - 1];
    const measure = measures[which - 1];
    if (subject === undefined || measure === undefined) continue;
    const waitMs = measure === 'concurrent' ? undefined : wait < 0 ? Number.POSITIVE_INFINITY : wait;
    refusals.push({ subject, measure, waitMs });
  }
  return refusals;
}

/** The slots that the tokens and the cost of the subject of this place were counted in. */
export const slotsOf = (reply: readonly number[], i: number): readonly [tokens: number, cost: number] => {
  const at = 1 + i * fieldsOfSubject;
  return [reply[at + 6] ?? 0, reply[at + 7] ?? 0];
};
