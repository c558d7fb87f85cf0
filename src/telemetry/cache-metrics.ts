import { Counter, Gauge, type Registry } from 'prom-client';
import { type CacheEvents, type CacheResult, cacheResults } from '../kernel/response-cache.ts';
import { Tally } from './tally.ts';

/** What a store in this process holds. */
export interface CacheSize {
  readonly entries: number;
  readonly bytes: number;
}

/** What the cache did, in a registry. `size` is undefined where answers are not in this process. */
export function createCacheMetrics(registry: Registry, size: () => CacheSize | undefined): CacheEvents {
  const registers = [registry];
  const results = new Tally(['result']);
  const requests: Counter = new Counter({
    name: 'llmbridge_cache_requests_total',
    help: 'Calls of models whose answers are kept, by how the cache served them: hit, miss, shared, refresh or bypass.',
    labelNames: ['result'],
    registers,
    collect: () => results.fill(requests),
  });
  const cells = Object.fromEntries(cacheResults.map((result) => [result, results.cell(result)])) as Record<
    CacheResult,
    { value: number }
  >;
  const waits = new Counter({
    name: 'llmbridge_cache_waits_total',
    help: 'Calls that waited for an equal one under way in this process, or, by the store, in another.',
    labelNames: ['where'],
    registers,
  });
  const answers = new Counter({
    name: 'llmbridge_cache_answers_total',
    help: 'Answers that were kept, or were not: too_large, or not_whole (refused, filtered, cut off).',
    labelNames: ['outcome'],
    registers,
  });
  const evictions = new Counter({
    name: 'llmbridge_cache_evictions_total',
    help: 'Answers that left the memory of this process: for want of space, or expired.',
    labelNames: ['reason'],
    registers,
  });
  const failures = new Counter({
    name: 'llmbridge_cache_store_failures_total',
    help: 'What the store did not answer (timeout, error), and entries that were refused and taken out (corrupt).',
    labelNames: ['reason'],
    registers,
  });
  const entries: Gauge = new Gauge({
    name: 'llmbridge_cache_entries',
    help: 'Answers kept in the memory of this process.',
    registers,
    collect: () => entries.set(size()?.entries ?? 0),
  });
  const bytes: Gauge = new Gauge({
    name: 'llmbridge_cache_bytes',
    help: 'What they take.',
    registers,
    collect: () => bytes.set(size()?.bytes ?? 0),
  });
  return {
    served: (result) => {
      cells[result].value++;
    },
    waited: (where) => waits.inc({ where }),
    kept: (outcome) => answers.inc({ outcome }),
    evicted: (reason) => evictions.inc({ reason }),
    storeFailed: (reason) => failures.inc({ reason }),
  };
}
