import type { Level, Limits, Quota, Refusal, Standing, Subject } from '../kernel/rate-limiter.ts';

const measures = ['requests', 'tokens', 'budget'] as const;
type Counted = (typeof measures)[number];

/** OpenAI's names, which its SDKs and their users know. It has none for money. */
const names = {
  requests: {
    limit: 'x-ratelimit-limit-requests',
    remaining: 'x-ratelimit-remaining-requests',
    reset: 'x-ratelimit-reset-requests',
  },
  tokens: {
    limit: 'x-ratelimit-limit-tokens',
    remaining: 'x-ratelimit-remaining-tokens',
    reset: 'x-ratelimit-reset-tokens',
  },
} as const;

/** A duration as OpenAI writes it, which is Go's way: `20ms`, `1s`, `6m0s`, `1h0m0s`. */
function goDuration(ms: number): string {
  const whole = Math.ceil(ms);
  if (whole < 1_000) return `${whole}ms`;
  const seconds = Math.ceil(whole / 1_000);
  const minutes = Math.floor(seconds / 60);
  if (minutes === 0) return `${seconds}s`;
  const hours = Math.floor(minutes / 60);
  return hours === 0 ? `${minutes}m${seconds % 60}s` : `${hours}h${minutes % 60}m${seconds % 60}s`;
}

/** A header's integers have 15 digits (RFC 9651, section 3.3.1). */
const mostTold = 999_999_999_999_999;
/** Millionths of a dollar are told of a budget, so that they fit. */
const nanoInMicro = 1_000;
const toldOf = (measure: Counted, amount: number): number =>
  Math.min(mostTold, measure === 'budget' ? Math.floor(amount / nanoInMicro) : amount);

const remaining = ({ count }: Quota, { used }: Level): number => Math.max(0, count - Math.ceil(used));

/** Whether a subject is in a call's way, by this measure or by any. By name: a decision may come from another process. */
function refuses(refusals: readonly Refusal[], { tier, name }: Subject, measure?: Counted): boolean {
  for (const refusal of refusals) {
    const { subject } = refusal;
    if (subject.tier !== tier || subject.name !== name) continue;
    if (measure === undefined || refusal.measure === measure) return true;
  }
  return false;
}

/** Counted over all callers, so that what one sees of it tells of the others. */
const isShared = ({ tier }: Subject): boolean => tier === 'global' || tier === 'model';

const policies = new WeakMap<Limits, string>();

/** What a subject's limits are, in the words of RateLimit-Policy. */
function policyOf({ tier, limits }: Subject): string {
  const known = policies.get(limits);
  if (known !== undefined) return known;
  const { requests, tokens, concurrent, budget } = limits;
  const policy = [
    ...(requests ? [`"${tier}-requests";q=${toldOf('requests', requests.count)};w=${requests.windowMs / 1_000}`] : []),
    ...(tokens
      ? [`"${tier}-tokens";q=${toldOf('tokens', tokens.count)};w=${tokens.windowMs / 1_000};qu="tokens"`]
      : []),
    ...(budget
      ? [`"${tier}-budget";q=${toldOf('budget', budget.count)};w=${budget.windowMs / 1_000};qu="micro-usd"`]
      : []),
    ...(concurrent ? [`"${tier}-concurrent";q=${concurrent};qu="concurrent-requests"`] : []),
  ].join(', ');
  policies.set(limits, policy);
  return policy;
}

/**
 * Tells a caller where it stands: OpenAI's `x-ratelimit-*` for the limit that matters to it, and all of its own in the
 * IETF's `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10). How much all callers together have
 * left, of everything or of a model, is told only where that is what refuses the call, or all that there is.
 */
export function setLimitHeaders(
  headers: Record<string, string>,
  standings: readonly Standing[],
  refusals: readonly Refusal[],
): void {
  const selects = refusals.length > 0 || standings.some(({ subject }) => !isShared(subject));
  const told = selects
    ? standings.filter(({ subject }) => !isShared(subject) || refuses(refusals, subject))
    : standings;
  let policy = '';
  let states = '';
  for (const measure of measures) {
    let matters: Standing | undefined;
    let most = 0;
    for (const standing of told) {
      const { subject } = standing;
      const level = standing[measure];
      const quota = subject.limits[measure];
      if (level === undefined || quota === undefined) continue;
      const left = toldOf(measure, remaining(quota, level));
      states += `${states === '' ? '' : ', '}"${subject.tier}-${measure}";r=${left};t=${Math.ceil(level.resetMs / 1_000)}`;
      const weight = refuses(refusals, subject, measure) ? 3 : subject.tier === 'user' ? 2 : 1;
      if (weight <= most) continue;
      matters = standing;
      most = weight;
    }
    if (measure === 'budget' || matters === undefined) continue;
    const level = matters[measure];
    const quota = matters.subject.limits[measure];
    if (level === undefined || quota === undefined) continue;
    const { limit, remaining: left, reset } = names[measure];
    headers[limit] = String(quota.count);
    headers[left] = String(remaining(quota, level));
    headers[reset] = goDuration(level.resetMs);
  }
  for (const { subject } of told) policy += `${policy === '' ? '' : ', '}${policyOf(subject)}`;
  headers['ratelimit-policy'] = policy;
  if (states !== '') headers['ratelimit'] = states;
}
