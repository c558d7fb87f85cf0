/** What a caller's `cache-control` asks of the cache (RFC 9111, section 5.2.1). Ages are in milliseconds. */
export interface CacheDirectives {
  /** Not served from the cache, but what comes may be kept. */
  readonly noCache: boolean;
  /** Neither looked for nor kept. */
  readonly noStore: boolean;
  /** Served from the cache or not at all. */
  readonly onlyIfCached: boolean;
  /** The oldest answer that will do. */
  readonly maxAgeMs: number;
  /** How long an answer must be good yet. */
  readonly minFreshMs: number;
  /** Whether it asks for a kept answer in so many words. */
  readonly asks: boolean;
}

export const noDirectives: CacheDirectives = {
  noCache: false,
  noStore: false,
  onlyIfCached: false,
  maxAgeMs: Number.POSITIVE_INFINITY,
  minFreshMs: 0,
  asks: false,
};

/** Section 1.2.2: too large a number is as good as the largest; what is no number at all is taken as the strictest one. */
const seconds = (argument: string, strictest: number): number =>
  /^\d+$/.test(argument) ? Math.min(Number(argument), 2 ** 31) * 1_000 : strictest;

/**
 * Reads the header, several lines of it as one list. Unknown directives are passed over, as section 5.2 has it. No answer
 * is kept beyond its time, so that `max-stale` gets nothing more.
 */
export function readCacheControl(header: string | readonly string[] | undefined): CacheDirectives {
  if (header === undefined) return noDirectives;
  const directives = { ...noDirectives };
  for (const item of (typeof header === 'string' ? header : header.join(',')).split(',')) {
    const equals = item.indexOf('=');
    const name = (equals < 0 ? item : item.slice(0, equals)).trim().toLowerCase();
    const argument =
      equals < 0
        ? ''
        : item
            .slice(equals + 1)
            .trim()
            .replace(/^"(.*)"$/, '$1');
    if (name === 'no-cache') directives.noCache = true;
    else if (name === 'no-store') directives.noStore = true;
    else if (name === 'only-if-cached') directives.onlyIfCached = directives.asks = true;
    else if (name === 'max-age') {
      directives.maxAgeMs = Math.min(directives.maxAgeMs, seconds(argument, 0));
      directives.asks ||= directives.maxAgeMs > 0;
    } else if (name === 'min-fresh') {
      directives.minFreshMs = Math.max(directives.minFreshMs, seconds(argument, Number.POSITIVE_INFINITY));
    } else if (name === 'max-stale') directives.asks = true;
  }
  return directives;
}
