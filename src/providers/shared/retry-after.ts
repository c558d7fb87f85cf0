import type { ResponseHeaders } from '../../kernel/upstream.ts';

/** The first value of a header. */
export function header(headers: ResponseHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** No provider means to be asked again later than this; what says so is nonsense. */
const longest = 24 * 3_600_000;

const bounded = (ms: number): number | undefined =>
  Number.isFinite(ms) && ms >= 0 && ms <= longest ? Math.ceil(ms) : undefined;

/**
 * When a provider wants to be asked again, in milliseconds from `now`: `retry-after-ms`, else `retry-after` in seconds or
 * as an HTTP date (RFC 9110, section 10.2.3). Undefined where it does not say, or says nonsense; a date gone by is 0.
 */
export function retryAfterMs(headers: ResponseHeaders, now: number): number | undefined {
  const exact = header(headers, 'retry-after-ms')?.trim();
  if (exact) {
    const ms = bounded(Number(exact));
    // Azure sends "0" here beside a `retry-after` that says more.
    if (ms !== undefined && ms > 0) return ms;
  }
  const value = header(headers, 'retry-after')?.trim();
  if (!value) return undefined;
  const seconds = Number(value);
  if (!Number.isNaN(seconds)) return bounded(seconds * 1000);
  return bounded(Math.max(0, Date.parse(value) - now));
}
