import { z } from 'zod';
import { duration, size } from './units.ts';

/** The response cache. */
export const cache = z.strictObject({
  enabled: z.boolean().default(false).describe('Whether answers are kept and given again for equal requests.'),
  ttl: duration.prefault('5m').describe('How long an answer is kept.'),
  max_bytes: size.prefault('64MiB').describe('Memory that answers may take.'),
  store: z
    .enum(['auto', 'memory', 'redis'])
    .default('auto')
    .describe('Where they are; auto: Redis where `redis` is set.'),
});
