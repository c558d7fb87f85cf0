import fc from 'fast-check';
import type { Decision, Demand, Quota, RateLimiter, Reservation, Subject } from '../../kernel/rate-limiter.ts';

/** Something that was counted, when, and how much of it still counts. */
interface Entry {
  readonly at: number;
  amount: number;
}

interface Taken {
  readonly subject: Subject;
  readonly entry: Entry;
  readonly debts: Entry[];
}

const slotOf = (at: number, { windowMs }: Quota) => Math.floor((at * 60) / windowMs);

/**
 * The rules in their plainest form: every event is kept, and each decision adds up those that still count. A thing of
 * slot `s` counts until slot `s + 61` begins. Without bursts.
 */
class LimitsModel {
  #now = 0;
  readonly #requests = new Map<string, Entry[]>();
  readonly #tokens = new Map<string, Entry[]>();
  readonly #active = new Map<string, number>();

  set now(at: number) {
    this.#now = at;
  }

  /** What counts of a subject's entries now; debt is dated ahead. */
  #used(entries: Map<string, Entry[]>, subject: Subject, quota: Quota): number {
    const oldest = slotOf(this.#now, quota) - 60;
    const kept = entries.get(subject.tier + subject.name) ?? [];
    return kept.reduce((sum, { at, amount }) => (slotOf(at, quota) >= oldest ? sum + amount : sum), 0);
  }

  used(subject: Subject): { requests: number | undefined; tokens: number | undefined } {
    const { requests, tokens } = subject.limits;
    return {
      requests: requests && this.#used(this.#requests, subject, requests),
      tokens: tokens && this.#used(this.#tokens, subject, tokens),
    };
  }

  take({ subjects, tokens }: Demand): { refused: string[]; settle: (actual: number) => void } {
    const refused = subjects.flatMap((subject) => {
      const { limits, tier } = subject;
      const used = this.used(subject);
      const key = tier + subject.name;
      return [
        ...(limits.requests && (used.requests ?? 0) + 1 > limits.requests.count ? [`${tier} requests`] : []),
        ...(limits.tokens && (used.tokens ?? 0) + tokens > limits.tokens.count ? [`${tier} tokens`] : []),
        ...(limits.concurrent && (this.#active.get(key) ?? 0) + 1 > limits.concurrent ? [`${tier} concurrent`] : []),
      ];
    });
    if (refused.length > 0) return { refused, settle: () => {} };
    const taken = subjects.map((subject): Taken => {
      const key = subject.tier + subject.name;
      this.#active.set(key, (this.#active.get(key) ?? 0) + 1);
      put(this.#requests, key, { at: this.#now, amount: 1 });
      const entry = { at: this.#now, amount: tokens };
      put(this.#tokens, key, entry);
      return { subject, entry, debts: [] };
    });
    return {
      refused,
      settle: (actual) => {
        for (const { subject, entry } of taken) {
          const key = subject.tier + subject.name;
          this.#active.set(key, (this.#active.get(key) ?? 0) - 1);
          if (actual <= tokens) entry.amount -= tokens - actual;
          else if (subject.limits.tokens) this.#owe(subject, actual - tokens, subject.limits.tokens);
        }
      },
    };
  }

  /** What fits counts now; each further quota of debt counts a window longer than the one before. */
  #owe(subject: Subject, excess: number, quota: Quota): void {
    const key = subject.tier + subject.name;
    const step = (61 * quota.windowMs) / 60;
    const fits = Math.min(excess, Math.max(0, quota.count - this.#used(this.#tokens, subject, quota)));
    let debt = excess - fits;
    const entries = this.#tokens.get(key) ?? [];
    let last = this.#now;
    for (const { at, amount } of entries) if (amount > 0 && at > last) last = at;
    put(this.#tokens, key, { at: this.#now, amount: fits });
    if (last > this.#now) {
      const there = entries.reduce(
        (sum, each) => (slotOf(each.at, quota) === slotOf(last, quota) ? sum + each.amount : sum),
        0,
      );
      const topped = Math.min(debt, Math.max(0, quota.count - there));
      put(this.#tokens, key, { at: last, amount: topped });
      debt -= topped;
    }
    while (debt > 0) {
      last += step;
      const part = Math.min(debt, quota.count);
      put(this.#tokens, key, { at: last, amount: part });
      debt -= part;
    }
  }
}

function put(into: Map<string, Entry[]>, key: string, entry: Entry): void {
  const entries = into.get(key);
  if (entries === undefined) into.set(key, [entry]);
  else entries.push(entry);
}

/** A step of a random history. */
export type Step =
  | { readonly kind: 'take'; readonly user: number; readonly ip: number; readonly tokens: number }
  | { readonly kind: 'settle'; readonly which: number; readonly tokens: number }
  | { readonly kind: 'wait'; readonly ms: number };

export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('take' as const),
        user: fc.integer({ min: -1, max: 2 }),
        ip: fc.integer({ min: 0, max: 1 }),
        tokens: fc.integer({ min: 0, max: 60 }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('settle' as const),
        which: fc.nat(20),
        tokens: fc.oneof({ weight: 5, arbitrary: fc.nat(80) }, { weight: 1, arbitrary: fc.nat(900) }),
      }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(1_500) }) },
  ),
  { maxLength: 120, size: 'max' },
);

/** Windows whose slots are whole milliseconds, so that the model's sums are exact. */
const quota = (count: number, windowMs = 6_000): Quota => ({ count, windowMs });
const limitsOf = {
  global: { requests: quota(12), tokens: quota(300, 12_000), concurrent: 6 },
  user: { requests: quota(5), tokens: quota(100), concurrent: 3 },
  ip: { requests: quota(8, 3_000), tokens: quota(150), concurrent: 4 },
};

/** The subjects of a call; a user below 0 is nobody in particular. */
const subjectsOf = (user: number, ip: number): Subject[] => [
  { tier: 'global', name: '', limits: limitsOf.global },
  ...(user < 0 ? [] : [{ tier: 'user' as const, name: `u${user}`, limits: limitsOf.user }]),
  { tier: 'ip', name: `192.0.2.${ip}`, limits: limitsOf.ip },
];

/** What is compared: who refused what, and what counts of each subject then. */
const told = ({ reservation, refusals, standings }: Decision) => ({
  admitted: reservation !== undefined,
  refused: refusals.map(({ subject, measure }) => `${subject.tier} ${measure}`),
  used: standings.map(({ requests, tokens }) => ({ requests: requests?.used, tokens: tokens?.used })),
});

/** Plays a history to a limiter and to the model, and returns what each said. */
export async function compare(
  limiter: RateLimiter,
  history: readonly Step[],
  moveOn: (ms: number) => Promise<number> | number,
): Promise<{ readonly real: unknown[]; readonly expected: unknown[] }> {
  const model = new LimitsModel();
  const open: { real: Reservation; model: (tokens: number) => void }[] = [];
  const real: unknown[] = [];
  const expected: unknown[] = [];
  model.now = await moveOn(0);
  for (const step of history) {
    if (step.kind === 'wait') model.now = await moveOn(step.ms);
    else if (step.kind === 'settle') {
      const [one] = open.splice(step.which % Math.max(1, open.length), 1);
      one?.real.settle(step.tokens);
      one?.model(step.tokens);
    } else {
      const subjects = subjectsOf(step.user, step.ip);
      const decision = await limiter.take({ subjects, tokens: step.tokens });
      const { refused, settle } = model.take({ subjects, tokens: step.tokens });
      real.push(told(decision));
      expected.push({ admitted: refused.length === 0, refused, used: subjects.map((subject) => model.used(subject)) });
      if (decision.reservation !== undefined) open.push({ real: decision.reservation, model: settle });
    }
  }
  return { real, expected };
}
