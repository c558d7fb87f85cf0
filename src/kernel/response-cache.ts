/** An answer as a store keeps it. */
export interface KeptAnswer {
  readonly bytes: Uint8Array;
  /** Milliseconds since the Unix epoch. */
  readonly storedAt: number;
  readonly expiresAt: number;
}

/** What came of a claim on an answer that nobody has yet. */
export interface Turn {
  /** Put there in the meantime. */
  readonly kept: KeptAnswer | undefined;
  /** Whether this process is the one to ask for it; else another does. */
  readonly ours: boolean;
}

/** Where answers are kept, by keys that tell nothing. It never rejects: a store that is out has no answers. */
export interface ResponseStore {
  get(key: string): KeptAnswer | undefined | Promise<KeptAnswer | undefined>;
  /** Keeps an answer for so long, unless it has no room for it; in place of an earlier one. */
  put(key: string, bytes: Uint8Array, ttlMs: number): void;
  /** Takes away what makes no sense to whoever asked for it. */
  drop(key: string): void;
  /**
   * Claims the right to ask for an answer, over every process that shares the store; absent where none do. A claim is kept
   * alive until it is released, and lapses when its process dies. Whoever can't be told that another has it, has it.
   */
  claim?(key: string): Promise<Turn>;
  /**
   * After `put`, so that whoever claims next finds the answer. `unkept` tells that there was an answer, which can't be
   * found: whoever waits for it asks by itself, as the next one would leave none either.
   */
  release?(key: string, unkept: boolean): void;
  close(): Promise<void>;
}

/** How the cache served a call; the words of reports, headers and metrics. */
export const cacheResults = ['hit', 'miss', 'shared', 'refresh', 'bypass'] as const;
export type CacheResult = (typeof cacheResults)[number];

/** Why an answer left a store before its time, or at it. */
export type Eviction = 'space' | 'expired';

export type CacheStoreFailure = 'timeout' | 'error' | 'corrupt';

/** Told of what the cache does; for metrics. */
export interface CacheEvents {
  served(result: CacheResult): void;
  /** A call waits for one like it: in this process, or in another one by the store. */
  waited(where: 'process' | 'store'): void;
  /** An answer is kept, or why it is not. */
  kept(outcome: 'kept' | 'too_large' | 'not_whole'): void;
  evicted(why: Eviction): void;
  storeFailed(why: CacheStoreFailure): void;
}

/** For whoever does not want to know. */
export const noCacheEvents: CacheEvents = {
  served() {},
  waited() {},
  kept() {},
  evicted() {},
  storeFailed() {},
};
