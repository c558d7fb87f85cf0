import type { Policy } from '../policy.ts';

/** The order of the file: the first that can serves. */
export const priority = (): Policy => (candidates) => candidates.slice(0, 1);
