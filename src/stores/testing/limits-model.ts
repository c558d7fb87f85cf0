import fc from 'fast-check';
import type { NonceClaim } from '../../kernel/nonce-claim.ts';
import type { Decision, Demand, Limits, Quota, RateLimiter, Subject } from '../../kernel/rate-limiter.ts';

/** Something that was counted, when, and how much of it still counts. */
interface Entry {
  readonly at: number;
  amount: number;
}

/** The measures that are set right afterwards. */
const settled = ['tokens', 'budget'] as const;
type Settled = (typeof settled)[number];
type Amounts = Readonly<Record<Settled, number>>;

const slotOf = (at: number, { windowMs }: Quota) => Math.floor((at * 60) / windowMs);
const keyOf = ({ tier, name }: Subject) => tier + name;

/**
 * The rules in their plainest form: every event is kept, and each decision adds up those that still count. A thing of
 * slot `s` counts until slot `s + 61` begins. Without bursts.
 */
class LimitsModel {
  #now = 0;
  readonly #entries = { requests: new Map(), tokens: new Map(), budget: new Map() } as Record<
    'requests' | Settled,
    Map<string, Entry[]>
  >;
  readonly #active = new Map<string, number>();
  /** Scope and nonce of each claim that was taken. */
  readonly #claimed: string[] = [];
  readonly #earliest: number;

  /** `earliest` is the first second whose messages are taken. */
  constructor(earliest: number) {
    this.#earliest = earliest;
  }

  set now(at: number) {
    this.#now = at;
  }

  /** What counts of a subject's entries now; debt is dated ahead. */
  #used(measure: 'requests' | Settled, subject: Subject): number | undefined {
    const quota = subject.limits[measure];
    if (quota === undefined) return undefined;
    const oldest = slotOf(this.#now, quota) - 60;
    const kept = this.#entries[measure].get(keyOf(subject)) ?? [];
    return kept.reduce((sum, { at, amount }) => (slotOf(at, quota) >= oldest ? sum + amount : sum), 0);
  }

  used(subject: Subject): Record<'requests' | Settled, number | undefined> {
    return {
      requests: this.#used('requests', subject),
      tokens: this.#used('tokens', subject),
      budget: this.#used('budget', subject),
    };
  }

  #stale({ scope, nonce, issuedAt, windowMs }: NonceClaim): string | undefined {
    const tooOld = issuedAt < this.#earliest || issuedAt * 1000 < this.#now - windowMs;
    if (tooOld || issuedAt * 1000 > this.#now + 30_000) return 'expired';
    return this.#claimed.includes(`${scope} ${nonce}`) ? 'replayed' : undefined;
  }

  take({ subjects, tokens, cost, claim }: Demand): { refused: string[]; settle: (actual: Amounts) => void } {
    const settle = () => {};
    const stale = claim && this.#stale(claim);
    if (stale !== undefined) return { refused: [stale], settle };
    const reserved = { tokens, budget: cost };
    const refused = subjects.flatMap((subject) => {
      const { limits, tier } = subject;
      const over = (measure: 'requests' | Settled, amount: number) =>
        (this.#used(measure, subject) ?? 0) + amount > (limits[measure]?.count ?? Number.POSITIVE_INFINITY);
      const active = this.#active.get(keyOf(subject)) ?? 0;
      return [
        ...(over('requests', 1) ? [`${tier} requests`] : []),
        ...(over('tokens', tokens) ? [`${tier} tokens`] : []),
        ...(over('budget', cost) ? [`${tier} budget`] : []),
        ...(active + 1 > (limits.concurrent ?? Number.POSITIVE_INFINITY) ? [`${tier} concurrent`] : []),
      ];
    });
    if (refused.length > 0) return { refused, settle };
    if (claim !== undefined) this.#claimed.push(`${claim.scope} ${claim.nonce}`);
    const taken = subjects.map((subject) => {
      const key = keyOf(subject);
      this.#active.set(key, (this.#active.get(key) ?? 0) + 1);
      put(this.#entries.requests, key, { at: this.#now, amount: 1 });
      const entries = settled.map((measure) => {
        const entry = { at: this.#now, amount: reserved[measure] };
        put(this.#entries[measure], key, entry);
        return { measure, entry };
      });
      return { subject, entries };
    });
    return {
      refused,
      settle: (actual) => {
        for (const { subject, entries } of taken) {
          const key = keyOf(subject);
          this.#active.set(key, (this.#active.get(key) ?? 0) - 1);
          for (const { measure, entry } of entries) {
            const quota = subject.limits[measure];
            const excess = actual[measure] - reserved[measure];
            if (excess <= 0) entry.amount += excess;
            else if (quota) this.#owe(measure, subject, excess, quota);
          }
        }
      },
    };
  }

  /** What fits counts now; each further quota of debt counts a window longer than the one before. */
  #owe(measure: Settled, subject: Subject, excess: number, quota: Quota): void {
    const key = keyOf(subject);
    const all = this.#entries[measure];
    const step = (61 * quota.windowMs) / 60;
    const fits = Math.min(excess, Math.max(0, quota.count - (this.#used(measure, subject) ?? 0)));
    let debt = excess - fits;
    const entries = all.get(key) ?? [];
    let last = this.#now;
    for (const { at, amount } of entries) if (amount > 0 && at > last) last = at;
    put(all, key, { at: this.#now, amount: fits });
    if (last > this.#now) {
      const there = entries.reduce(
        (sum, each) => (slotOf(each.at, quota) === slotOf(last, quota) ? sum + each.amount : sum),
        0,
      );
      const topped = Math.min(debt, Math.max(0, quota.count - there));
      put(all, key, { at: last, amount: topped });
      debt -= topped;
    }
    while (debt > 0) {
      last += step;
      const part = Math.min(debt, quota.count);
      put(all, key, { at: last, amount: part });
      debt -= part;
    }
  }
}

function put(into: Map<string, Entry[]>, key: string, entry: Entry): void {
  const entries = into.get(key);
  if (entries === undefined) into.set(key, [entry]);
  else entries.push(entry);
}

/** A claim of a random history: one of a few nonces, issued so many seconds from the present. */
interface ClaimStep {
  readonly nonce: number;
  readonly age: number;
}

/** A step of a random history. */
export type Step =
  | {
      readonly kind: 'take';
      readonly user: number;
      readonly ip: number;
      readonly model: number;
      readonly tokens: number;
      readonly cost: number;
      readonly claim: ClaimStep | undefined;
    }
  | { readonly kind: 'settle'; readonly which: number; readonly tokens: number; readonly cost: number }
  | { readonly kind: 'wait'; readonly ms: number };

/** Mostly what was reserved or so, at times far more. */
const actual = fc.oneof({ weight: 5, arbitrary: fc.nat(80) }, { weight: 1, arbitrary: fc.nat(900) });

export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('take' as const),
        user: fc.integer({ min: -1, max: 2 }),
        ip: fc.integer({ min: 0, max: 1 }),
        model: fc.integer({ min: -1, max: 1 }),
        tokens: fc.integer({ min: 0, max: 60 }),
        cost: fc.integer({ min: 0, max: 50 }),
        claim: fc.option(fc.record({ nonce: fc.nat(1), age: fc.constantFrom(-31, -30, 0, 0, 0, 1, 3, 9, 10, 11) }), {
          nil: undefined,
        }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('settle' as const), which: fc.nat(20), tokens: actual, cost: actual }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(1_500) }) },
  ),
  { maxLength: 120, size: 'max' },
);

/** Windows whose slots are whole milliseconds, so that the model's sums are exact. */
const quota = (count: number, windowMs = 6_000): Quota => ({ count, windowMs });
const limitsOf = {
  global: { requests: quota(12), tokens: quota(300, 12_000), concurrent: 6, budget: quota(260, 12_000) },
  user: { requests: quota(5), tokens: quota(100), concurrent: 3 },
  ip: { requests: quota(8, 3_000), tokens: quota(150), concurrent: 4 },
  model: { requests: quota(7), budget: quota(120) },
  user_model: { budget: quota(60, 3_000), concurrent: 2 },
} satisfies Record<string, Limits>;

/** The subjects of a call; a user or model below 0 is none in particular. */
const subjectsOf = (user: number, ip: number, model: number): Subject[] => [
  { tier: 'global', name: '', limits: limitsOf.global },
  ...(user < 0 ? [] : [{ tier: 'user' as const, name: `u${user}`, limits: limitsOf.user }]),
  { tier: 'ip', name: `192.0.2.${ip}`, limits: limitsOf.ip },
  ...(model < 0 ? [] : [{ tier: 'model' as const, name: `m${model}`, limits: limitsOf.model }]),
  ...(user === 0 && model === 0
    ? [{ tier: 'user_model' as const, name: `u${user}/m${model}`, limits: limitsOf.user_model }]
    : []),
];

const claimWindowMs = 10_000;

/** What is compared: who refused what, and what counts of each subject then. */
const told = ({ lease, claim, refusals, standings }: Decision) => ({
  admitted: lease !== undefined,
  refused: claim === undefined ? refusals.map(({ subject, measure }) => `${subject.tier} ${measure}`) : [claim],
  used: standings.map(({ requests, tokens, budget }) => ({
    requests: requests?.used,
    tokens: tokens?.used,
    budget: budget?.used,
  })),
});

/**
 * Plays a history to a limiter and to the model, and returns what each said. `earliest` is the first second whose messages
 * the limiter takes.
 */
export async function compare(
  limiter: RateLimiter,
  history: readonly Step[],
  earliest: number,
  moveOn: (ms: number) => Promise<number> | number,
): Promise<{ readonly real: unknown[]; readonly expected: unknown[] }> {
  const model = new LimitsModel(earliest);
  const open: { lease: number; settle: (actual: Amounts) => void }[] = [];
  const real: unknown[] = [];
  const expected: unknown[] = [];
  let now = await moveOn(0);
  model.now = now;
  for (const step of history) {
    if (step.kind === 'wait') {
      now = await moveOn(step.ms);
      model.now = now;
    } else if (step.kind === 'settle') {
      const [one] = open.splice(step.which % Math.max(1, open.length), 1);
      if (one === undefined) continue;
      limiter.settle(one.lease, step.tokens, step.cost);
      one.settle({ tokens: step.tokens, budget: step.cost });
    } else {
      const subjects = subjectsOf(step.user, step.ip, step.model);
      const issuedAt = Math.floor(now / 1000) - (step.claim?.age ?? 0);
      // A nonce comes again with its own message only: how long beyond that it is remembered is left to the store.
      const nonce = `${step.claim?.nonce}-${issuedAt}`;
      const claim = step.claim && { scope: 'test', nonce, issuedAt, windowMs: claimWindowMs };
      const demand = { subjects, tokens: step.tokens, cost: step.cost, claim };
      const decision = await limiter.take(demand);
      const { refused, settle } = model.take(demand);
      real.push(told(decision));
      const stale = refused[0] === 'replayed' || refused[0] === 'expired';
      const used = stale ? [] : subjects.map((subject) => model.used(subject));
      expected.push({ admitted: refused.length === 0, refused, used });
      if (decision.lease !== undefined) open.push({ lease: decision.lease, settle });
    }
  }
  return { real, expected };
}
