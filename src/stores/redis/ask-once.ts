import { Redis } from 'ioredis';
import type { Address, ClientOptions } from './connectors.ts';

/** How long a node may take to be reached, and to answer. */
export const askWithinMs = 1_000;

/** Asks one node on a connection of its own, which is closed after. Rejects where it does not answer in time. */
export async function askOnce<T>(
  node: Address,
  access: ClientOptions,
  question: (redis: Redis) => Promise<T>,
): Promise<T> {
  const redis = new Redis({
    ...access,
    ...node,
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: null,
    maxRetriesPerRequest: 0,
    connectTimeout: askWithinMs,
    commandTimeout: askWithinMs,
  });
  redis.on('error', () => {});
  try {
    return await question(redis);
  } finally {
    redis.disconnect();
  }
}
