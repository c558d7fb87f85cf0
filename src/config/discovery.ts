import { z } from 'zod';
import { duration } from './units.ts';

/** Providers' own lists of models. */
export const discovery = z.strictObject({
  interval: duration.prefault('1h').describe('How often each provider is asked for its models.'),
  timeout: duration.prefault('10s').describe('How long its answer may take. Calls never wait for it.'),
});
