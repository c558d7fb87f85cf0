import { Redis } from 'ioredis';

export interface RedisOptions {
  /** `redis://` or `rediss://`. */
  readonly url: string;
  /** Told of what the connection fails by; it is tried again for ever. */
  readonly failed: (error: Error) => void;
  /** Told each time it is there, with how the server makes room when it is full; undefined where it does not say. */
  readonly ready: (evictionPolicy: string | undefined) => void;
}

/**
 * Makes a connection to one server. While it is down commands fail at once: whoever asks has another answer, and must not
 * wait. What was sent and not answered is not sent again, as it may have been done.
 */
export function connectRedis({ url, failed, ready }: RedisOptions): Redis {
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    enableAutoPipelining: true,
    connectTimeout: 2_000,
    // A connection that is cut without a word is noticed so.
    socketTimeout: 5_000,
    connectionName: 'llm-bridge',
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 10), 1_000),
  });
  redis.on('error', failed);
  redis.on('ready', () => {
    redis.config('GET', 'maxmemory-policy').then(
      (reply) => ready(policyOf(reply)),
      // Hosted servers may forbid CONFIG.
      () => ready(undefined),
    );
  });
  return redis;
}

const policyOf = (reply: unknown): string | undefined => {
  const value: unknown = Array.isArray(reply)
    ? reply[1]
    : (reply as Record<string, unknown> | null)?.['maxmemory-policy'];
  return typeof value === 'string' ? value : undefined;
};
