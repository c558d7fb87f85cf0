import type { Clock } from '../../kernel/clock.ts';
import type { CacheEvents, KeptAnswer, ResponseStore } from '../../kernel/response-cache.ts';

export interface MemoryResponseStoreOptions {
  /** The most that all answers may take together. */
  readonly maxBytes: number;
  readonly clock: Pick<Clock, 'now' | 'wall' | 'after'>;
  readonly events: Pick<CacheEvents, 'evicted'>;
}

/** What an answer costs beside its bytes and its key: the entry, its place in the map, the buffer's own head. */
export const entryOverhead = 256;

/** Answers past their time are looked for so often. */
const sweepMs = 30_000;

interface Entry extends KeptAnswer {
  readonly size: number;
  /** By the monotonic clock. */
  readonly until: number;
}

/**
 * Answers in this process, the one least recently used going first. What they take is counted to the byte: bytes of the
 * answer, two for each character of the key, and a fixed overhead.
 */
export class MemoryResponseStore implements ResponseStore {
  readonly #options: MemoryResponseStoreOptions;
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;
  #stopSweeping: (() => void) | undefined;

  constructor(options: MemoryResponseStoreOptions) {
    this.#options = options;
  }

  get entries(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): KeptAnswer | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.until <= this.#options.clock.now()) {
      this.#remove(key, entry);
      this.#options.events.evicted('expired');
      return undefined;
    }
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry;
  }

  put(key: string, bytes: Uint8Array, ttlMs: number): void {
    this.drop(key);
    const { clock, maxBytes, events } = this.#options;
    const size = bytes.length + 2 * key.length + entryOverhead;
    if (size > maxBytes || ttlMs <= 0) return;
    for (const [oldKey, old] of this.#entries) {
      if (this.#bytes + size <= maxBytes) break;
      this.#remove(oldKey, old);
      events.evicted('space');
    }
    const storedAt = clock.wall();
    this.#entries.set(key, { bytes, storedAt, expiresAt: storedAt + ttlMs, until: clock.now() + ttlMs, size });
    this.#bytes += size;
    this.#stopSweeping ??= clock.after(sweepMs, () => this.#sweep());
  }

  drop(key: string): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#remove(key, entry);
  }

  close(): Promise<void> {
    this.#stopSweeping?.();
    this.#entries.clear();
    this.#bytes = 0;
    return Promise.resolve();
  }

  #remove(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= entry.size;
  }

  #sweep(): void {
    const { clock, events } = this.#options;
    const now = clock.now();
    for (const [key, entry] of this.#entries) {
      if (entry.until > now) continue;
      this.#remove(key, entry);
      events.evicted('expired');
    }
    this.#stopSweeping = this.#entries.size > 0 ? clock.after(sweepMs, () => this.#sweep()) : undefined;
  }
}
