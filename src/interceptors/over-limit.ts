import { Fault } from '../kernel/fault.ts';
import type { Demand, Measure, Quota, Refusal, Subject } from '../kernel/rate-limiter.ts';

/** When to come back where nobody knows when a place among the concurrent calls will be free. */
const placeHintMs = 1_000;

const subjectText = ({ tier, name }: Subject): string => (name === '' ? tier : `${tier}:${name}`);

const units: readonly (readonly [ms: number, name: string])[] = [
  [86_400_000, 'a day'],
  [3_600_000, 'an hour'],
  [60_000, 'a minute'],
  [1_000, 'a second'],
];

function quotaText(amount: string, { windowMs }: Quota): string {
  const unit = units.find(([ms]) => ms === windowMs)?.[1];
  return `${amount} ${unit ?? `in ${windowMs} ms`}`;
}

/** Billionths of a dollar, in words. */
const usdText = (nano: number): string => `${Number((nano / 1e9).toPrecision(9))} usd`;

const neededText = (measure: Measure, { tokens, cost }: Demand): string =>
  measure === 'budget' ? `cost ${usdText(cost)}` : `use ${tokens}`;

/** What a limit allows, in words. */
function limitText({ subject: { limits }, measure }: Refusal): string {
  if (measure === 'concurrent') return `${limits.concurrent ?? 0} calls at once`;
  const quota = limits[measure];
  if (quota === undefined) return measure;
  const text = quotaText(measure === 'budget' ? usdText(quota.count) : `${quota.count} ${measure}`, quota);
  return measure === 'requests' && limits.burst !== undefined ? `${text}, ${limits.burst} at once` : text;
}

const never = ({ waitMs }: Refusal) => waitMs === Number.POSITIVE_INFINITY;

/** What the caller of a refused call is told: every limit in the way, and how long until all have room. */
export function overLimit(refusals: readonly Refusal[], demand: Demand): Fault {
  const [first] = refusals;
  const worst = refusals.find(never) ?? first;
  if (worst === undefined) return new Fault('RATE_LIMITED', 'over a limit');
  const waitMs = refusals.reduce((most, refusal) => Math.max(most, refusal.waitMs ?? placeHintMs), 0);
  const limit = `${subjectText(worst.subject)} may have ${limitText(worst)}`;
  const hopeless = never(worst);
  return new Fault(
    'RATE_LIMITED',
    hopeless && (worst.measure === 'tokens' || worst.measure === 'budget')
      ? `over the limit: ${limit}, and this call may ${neededText(worst.measure, demand)}; a lower max_tokens asks for less`
      : hopeless
        ? `over the limit: ${limit}`
        : `over the limit: ${limit}; try again in ${(Math.ceil(waitMs) / 1_000).toFixed(3)} s`,
    {
      quota: refusals.map((refusal) => ({
        subject: subjectText(refusal.subject),
        description: `${refusal.measure}: ${limitText(refusal)}`,
      })),
      ...(!hopeless && { retryAfterMs: Math.ceil(waitMs) }),
      metadata: { tier: worst.subject.tier, measure: worst.measure },
    },
  );
}
