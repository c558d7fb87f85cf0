import { byScore } from '../policy.ts';

/** The target with the fewest attempts under way. */
export const leastConnections = () => byScore(({ vitals }) => vitals.inFlight);
