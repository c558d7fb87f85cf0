import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Clock } from '../../kernel/clock.ts';
import type { CacheEvents, KeptAnswer, ResponseStore, Turn } from '../../kernel/response-cache.ts';
import { frameKept, unframeKept } from './kept-frame.ts';
import { Script } from './script.ts';

export interface RedisResponseStoreOptions {
  readonly redis: Redis;
  /** What every key begins with; a cluster has them all in one slot by it. */
  readonly prefix: string;
  /** Longest wait for an answer of the server, in milliseconds. */
  readonly timeoutMs: number;
  /** How long a claim outlives the process that holds it, in milliseconds; it is renewed in time while that lives. */
  readonly leaseMs: number;
  readonly clock: Pick<Clock, 'now' | 'wall' | 'after'>;
  readonly events: Pick<CacheEvents, 'storeFailed'>;
}

/** So many failures in a row, and the server is left alone for a while; then one call tries it. */
const failuresToRest = 3;
const restMs = 500;

const releaseScript = new Script(
  "if redis.call('GET', KEYS[1]) == ARGV[1] then return { redis.call('DEL', KEYS[1]) } end return { 0 }",
);
const unkeptScript = new Script(
  "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end return { 0 }",
);
const renewScript = new Script(
  "if redis.call('GET', KEYS[1]) == ARGV[1] then return { redis.call('PEXPIRE', KEYS[1], ARGV[2]) } end return { 0 }",
);

/** Where the keys of the cache begin, after the prefix of all keys. The braces keep them in one slot of a cluster. */
export const cachePrefix = (prefix: string): string => `${prefix}{cache}:`;

/** What a command throws at once, as a rejection like any other. */
const attempt = async <T>(command: () => Promise<T>): Promise<T> => command();

/** In a claim's place: there was an answer, and it is not kept. For as long as whoever waits may take to look again. */
const unkeptMark = 'unkept';
const unkeptMs = 500;

/** A claim of this process. */
interface Claim {
  readonly token: string;
  readonly stop: () => void;
}

/**
 * Answers in Redis, for all instances alike. A server that does not say in time has none; nothing here ever fails a call.
 * Claims are leases: whoever waits for one looks again and again, so that nothing depends on a message that may be lost.
 */
export class RedisResponseStore implements ResponseStore {
  readonly #options: RedisResponseStoreOptions;
  readonly #claims = new Map<string, Claim>();
  #failures = 0;
  #restsUntil = 0;

  constructor(options: RedisResponseStoreOptions) {
    this.#options = options;
  }

  async get(key: string): Promise<KeptAnswer | undefined> {
    const frame = await this.#ask((redis) => redis.getBuffer(this.#key(key)));
    return this.#read(key, frame);
  }

  put(key: string, bytes: Uint8Array, ttlMs: number): void {
    const storedAt = this.#options.clock.wall();
    const ttl = Math.ceil(ttlMs);
    if (ttl <= 0) return;
    const frame = frameKept(key, { bytes, storedAt, expiresAt: storedAt + ttl });
    void this.#ask((redis) => redis.set(this.#key(key), frame, 'PX', ttl));
  }

  drop(key: string): void {
    void this.#ask((redis) => redis.del(this.#key(key)));
  }

  async claim(key: string): Promise<Turn> {
    const token = randomUUID();
    const { leaseMs } = this.#options;
    // The claim first: whoever held it before had put the answer there when it let go.
    const reply = await this.#ask((redis) =>
      Promise.all([
        redis.set(this.#claimKey(key), token, 'PX', Math.ceil(leaseMs), 'NX'),
        redis.getBuffer(this.#key(key)),
        redis.get(this.#claimKey(key)),
      ]),
    );
    if (reply === undefined) {
      // It may come to be ours yet, and is to be given back then.
      this.#hold(key, token);
      return { kept: undefined, ours: true };
    }
    const [claimed, frame, holder] = reply;
    const kept = this.#read(key, frame);
    if (claimed === null) return { kept, ours: holder === unkeptMark };
    this.#hold(key, token);
    return { kept, ours: true };
  }

  release(key: string, unkept: boolean): void {
    const claim = this.#claims.get(key);
    if (claim === undefined) return;
    claim.stop();
    this.#claims.delete(key);
    const keys = [this.#claimKey(key)];
    void this.#ask((redis) =>
      unkept
        ? unkeptScript.run(redis, keys, [claim.token, unkeptMark, unkeptMs])
        : releaseScript.run(redis, keys, [claim.token]),
    );
  }

  close(): Promise<void> {
    for (const key of [...this.#claims.keys()]) this.release(key, false);
    return Promise.resolve();
  }

  #key(key: string): string {
    return `${this.#options.prefix}answer:${key}`;
  }

  #claimKey(key: string): string {
    return `${this.#options.prefix}claim:${key}`;
  }

  /** Renews a claim in thirds of its life, so that one renewal may fail. */
  #hold(key: string, token: string): void {
    const { clock, leaseMs } = this.#options;
    this.#claims.get(key)?.stop();
    let stop = () => {};
    const renew = () => {
      stop = clock.after(leaseMs / 3, () => {
        void this.#ask((redis) => renewScript.run(redis, [this.#claimKey(key)], [token, Math.ceil(leaseMs)]));
        renew();
      });
    };
    renew();
    this.#claims.set(key, { token, stop: () => stop() });
  }

  #read(key: string, frame: Buffer | null | undefined): KeptAnswer | undefined {
    if (frame === null || frame === undefined) return undefined;
    const kept = unframeKept(key, frame);
    if (kept === undefined) {
      this.#options.events.storeFailed('corrupt');
      this.drop(key);
    }
    return kept;
  }

  /** What the server says, or undefined where it does not, not in time, or is left alone. */
  #ask<T>(command: (redis: Redis) => Promise<T>): Promise<T | undefined> {
    const { redis, clock, timeoutMs, events } = this.#options;
    if (this.#failures >= failuresToRest) {
      const now = clock.now();
      if (now < this.#restsUntil) return Promise.resolve(undefined);
      this.#restsUntil = now + restMs;
    }
    return new Promise((resolve) => {
      let waiting = true;
      const fail = (why: 'timeout' | 'error') => {
        waiting = false;
        events.storeFailed(why);
        this.#failures++;
        this.#restsUntil = clock.now() + restMs;
        resolve(undefined);
      };
      // After a long turn of our own, answers may be there unread when the timer comes: they are read first.
      const stop = clock.after(timeoutMs, () => setImmediate(() => waiting && fail('timeout')));
      attempt(() => command(redis)).then(
        (value) => {
          this.#failures = 0;
          if (!waiting) return;
          waiting = false;
          stop();
          resolve(value);
        },
        () => {
          if (!waiting) return;
          stop();
          fail('error');
        },
      );
    });
  }
}
