import type { Clock } from '../../kernel/clock.ts';
import type { ChatResponse } from '../../kernel/messages.ts';
import type { CacheEvents, KeptAnswer, ResponseStore } from '../../kernel/response-cache.ts';
import type { Asked } from './asked.ts';
import { decodeKept, encodeKept } from './kept.ts';
import { mayKeep } from './rules.ts';

/** An answer that was there. */
export interface Found {
  readonly response: ChatResponse;
  readonly ageMs: number;
}

export interface ShelfOptions {
  readonly store: ResponseStore;
  /** What an answer may weigh at most to be kept. */
  readonly maxEntryBytes: number;
  readonly clock: Pick<Clock, 'wall'>;
  readonly events: CacheEvents;
}

/** Undefined for an answer that the contract has no form for: providers have been seen to count in fractions. */
function encoded(response: ChatResponse): Uint8Array | undefined {
  try {
    return encodeKept(response);
  } catch {
    return undefined;
  }
}

/** Answers as they are put into a store and taken out of it. */
export class Shelf {
  readonly #options: ShelfOptions;

  constructor(options: ShelfOptions) {
    this.#options = options;
  }

  /** What is kept, where it will do; what makes no sense is taken out. */
  read(kept: KeptAnswer | undefined, { directives, request, key }: Asked): Found | undefined {
    if (kept === undefined) return undefined;
    const { store, clock, events } = this.#options;
    const now = clock.wall();
    const ageMs = Math.max(0, now - kept.storedAt);
    if (ageMs > directives.maxAgeMs || kept.expiresAt - now < directives.minFreshMs) return undefined;
    const response = decodeKept(kept.bytes, request);
    if (response !== undefined) return { response, ageMs };
    events.storeFailed('corrupt');
    store.drop(key);
    return undefined;
  }

  /** Keeps an answer if it is worth it. Whether it is kept now. */
  keep(response: ChatResponse | undefined, { request, key, policy }: Asked, oversize: boolean): boolean {
    const { store, maxEntryBytes, events } = this.#options;
    if (response === undefined || !mayKeep(request, response)) {
      events.kept('not_whole');
      return false;
    }
    const bytes = oversize ? undefined : encoded(response);
    if (oversize || (bytes !== undefined && bytes.length > maxEntryBytes)) {
      events.kept('too_large');
      return false;
    }
    if (bytes === undefined) {
      events.kept('not_whole');
      return false;
    }
    if (policy.ttlMs <= 0) return false;
    store.put(key, bytes, policy.ttlMs);
    events.kept('kept');
    return true;
  }
}
