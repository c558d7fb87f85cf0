import { z } from 'zod';
import { duration, size } from './units.ts';

const when = z
  .enum(['always', 'asked'])
  .describe('Which calls it serves: all that it may, or those alone whose `cache-control` asks for it.');

const maxTemperature = z
  .number()
  .min(0)
  .describe('Highest temperature that is served from it; calls without a temperature always are.');

/** What a route may set for itself. */
export const routeCache = z
  .strictObject({
    enabled: z.boolean().optional().describe('As under `cache`, for this route.'),
    ttl: duration.optional().describe('As under `cache`, for this route.'),
    when: when.optional(),
    max_temperature: maxTemperature.optional(),
  })
  .optional()
  .describe('What of `cache` is different for this route.');

/** The response cache. */
export const cache = z.strictObject({
  enabled: z
    .boolean()
    .default(false)
    .describe('Whether answers are kept and given again for equal requests; routes may say otherwise.'),
  ttl: duration.prefault('5m').describe('How long an answer is kept.'),
  when: when.default('always'),
  max_temperature: maxTemperature.default(0),
  max_entry_bytes: size.prefault('1MiB').describe('What an answer may weigh at most to be kept.'),
  store: z
    .enum(['auto', 'memory', 'redis'])
    .default('auto')
    .describe('Where they are; auto: Redis where `redis` is set.'),
  max_bytes: size.prefault('64MiB').describe('Memory that answers may take, in memory.'),
  store_timeout: duration.prefault('50ms').describe('Longest wait for Redis; then the answer counts as not there.'),
  lease: duration
    .prefault('10s')
    .describe('How long the calls of other instances wait for one that died while it asked for the same, in Redis.'),
  replay: z
    .strictObject({
      chunk: z.int().min(1).default(100).describe('Characters of text in a chunk.'),
      pace: duration.prefault('0').describe('From one chunk to the next; 0 for as fast as the caller reads.'),
    })
    .prefault({})
    .describe('How a kept answer is streamed.'),
});
