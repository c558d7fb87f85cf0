import type { Blame } from '../../src/kernel/fault.ts';
import type { Case } from './corpus.ts';
import { differences } from './differences.ts';
import { expectedOf, type Meaning } from './oracle.ts';

/** SDK error classes by whose doing they are; a class that covers several blames allows each. */
const classes: Readonly<Record<string, readonly Blame[]>> = {
  400: ['caller', 'context', 'content', 'credential'],
  401: ['credential'],
  402: ['credential'],
  403: ['credential', 'content', 'target'],
  404: ['target'],
  409: ['provider'],
  413: ['caller', 'context'],
  422: ['caller', 'context'],
  429: ['limit', 'credential'],
};

/** Whether a case is expected to give an answer, rather than a fault. */
export const isAnswered = ({ name, oracle }: Case): boolean =>
  oracle.ok === true && differences[name]?.fault === undefined;

/** The answer that is expected of a case. */
export const answerOf = (recorded: Case): Meaning => ({
  ...expectedOf(recorded),
  ...differences[recorded.name]?.expected,
});

/** Whose doing the fault of a case may be; empty where its SDK does not tell. */
export function blamesOf({ name, oracle }: Case): readonly Blame[] {
  const told = oracle.sdk_error?.status ?? 0;
  return differences[name]?.fault ?? (told >= 500 ? ['provider'] : (classes[told] ?? []));
}

/** An id that the SDK has none for was made by the gateway: that there is one is what counts. */
export function known(meaning: Meaning, expected: Meaning): Meaning {
  const toolCalls = meaning.toolCalls.map((call, index) => {
    if (call.id === '') throw new Error('a tool call without an id');
    return expected.toolCalls[index]?.id === '' ? { ...call, id: '' } : call;
  });
  return { ...meaning, toolCalls };
}
