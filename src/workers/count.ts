import { availableParallelism } from 'node:os';

/** How many worker processes a setting asks for; `auto` is one for each core that this process may use. */
export const workerCount = (setting: number | 'auto'): number =>
  setting === 'auto' ? availableParallelism() : setting;
