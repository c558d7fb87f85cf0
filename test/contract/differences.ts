import type { Blame } from '../../src/kernel/fault.ts';
import type { Meaning } from './oracle.ts';

/** A case in which the gateway rightly says otherwise than the SDK, and why. */
export interface Difference {
  readonly why: string;
  /** What is expected in place of the SDK's. */
  readonly expected?: Partial<Meaning>;
  /** A fault is expected, with one of these blames. */
  readonly fault?: readonly Blame[];
}

export const differences: Readonly<Record<string, Difference>> = {
  'azure/refusal--chat--c3dde4c1': {
    why: 'an error object with status 200: the SDK hands it on as an empty answer',
    fault: ['content'],
  },
};
