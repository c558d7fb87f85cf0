import type { OutageMode } from '../../src/kernel/limit-events.ts';
import { type LimitedGateways, startLimitedGateways } from './limited-gateways.ts';
import { overGrpc, overJson, type Told, usersYaml } from './limits-bench.ts';

// Steady traffic through gateways of each `on_outage` mode, while the store that they share is treated badly.

/** What is done to the store. */
export interface Fault {
  readonly name: string;
  /** Whether the gateways must do without the store meanwhile. */
  readonly out: boolean;
  /** Whether what was counted is lost. */
  readonly forgets: boolean;
  /** Whether a replica becomes the master. */
  readonly takenOver: boolean;
  begin(): Promise<unknown>;
  end(): Promise<unknown>;
}

/** What came of the calls of one mode, from a fault's beginning until the store was asked again. */
export interface Spell {
  readonly fault: string;
  readonly mode: OutageMode;
  readonly calls: number;
  readonly admitted: number;
  /** Refused as the limits could not be checked. */
  readonly unchecked: number;
  /** Of the user who has no limit to speak of: everything that was neither answered nor unchecked. */
  readonly wrong: readonly string[];
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** From its beginning to the first gateway that left the store alone. */
  readonly noticedMs: number | undefined;
  /** From its end until every gateway asked the store again. */
  readonly backMs: number;
}

/** Of the modes that were tried. */
type ByMode<T> = Readonly<Partial<Record<OutageMode, T>>>;

export interface ChaosReport {
  readonly spells: readonly Spell[];
  /** The same of the time without any fault. */
  readonly calm: readonly Spell[];
  /** Calls let in of the user with a limit, over the whole run. */
  readonly limited: ByMode<number>;
  /** Calls of that user in all. */
  readonly asked: ByMode<number>;
  /** Lines of the log for each mode's gateways. */
  readonly logged: ByMode<{ readonly out: number; readonly back: number }>;
  /** Calls that waited for the store, by the gateways' own metric, and those of them that waited longer than 75 and 100 ms. */
  readonly waits: ByMode<{ readonly calls: number; readonly over75: number; readonly over100: number }>;
  /** Components that health named as amiss while the store was out. */
  readonly amiss: readonly string[];
}

/** The most calls that the limited user makes an hour. */
export const quota = 20;
const everyMs = 40;
const allModes: readonly OutageMode[] = ['open', 'closed', 'local'];

interface Call {
  readonly mode: OutageMode;
  readonly user: string;
  readonly at: number;
  readonly ms: number;
  readonly told: Told;
}

function waitsOf(texts: readonly string[]) {
  const sum = (name: string) =>
    texts.reduce((all, text) => {
      const line = text.split('\n').find((each) => each.startsWith(`llmbridge_rate_limit_store_wait_seconds_${name}`));
      return all + Number(line?.slice(line.lastIndexOf(' ') + 1) ?? 0);
    }, 0);
  const calls = sum('count');
  return { calls, over75: calls - sum('bucket{le="0.075"}'), over100: calls - sum('bucket{le="0.1"}') };
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const rank = (sorted: readonly number[], part: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;

export interface ChaosOptions {
  /** The group `redis`, as YAML without its prefix. */
  readonly redis: string;
  readonly faults: readonly Fault[];
  readonly instances: number;
  /** How long each fault lasts, in milliseconds. */
  readonly lastsMs: number;
  /** Default: all. */
  readonly modes?: readonly OutageMode[];
}

export async function runLimitsChaos({
  redis,
  faults,
  instances,
  lastsMs,
  modes = allModes,
}: ChaosOptions): Promise<ChaosReport> {
  const started = await Promise.all(
    modes.map(async (mode): Promise<[OutageMode, LimitedGateways]> => {
      const yaml = `rate_limit: { instances: ${instances}, on_outage: { user: ${mode} }, user: { requests: 1000000/h, overrides: { alice: { requests: ${quota}/h } } } }
redis: ${redis.replace(/ *\}$/, `, prefix: "${mode}:" }`)}
${usersYaml('alice', 'bob')}`;
      return [mode, await startLimitedGateways(yaml, instances)];
    }),
  );
  const gateways = new Map(started);
  const calls: Call[] = [];
  const flying = new Set<Promise<unknown>>();
  let turn = 0;
  const timer = setInterval(() => {
    turn++;
    for (const [mode, { all }] of gateways) {
      const gateway = all[turn % all.length];
      if (gateway === undefined) continue;
      const user = turn % 3 === 0 ? 'alice' : 'bob';
      const at = performance.now();
      const call = (turn % 2 === 0 ? overJson : overGrpc)(gateway, { user })
        .then((told) => calls.push({ mode, user, at, ms: performance.now() - at, told }))
        .finally(() => flying.delete(call));
      flying.add(call);
    }
  }, everyMs);
  const metrics = (mode: OutageMode): Promise<string[]> =>
    Promise.all((gateways.get(mode)?.all ?? []).map(async ({ url }) => (await fetch(`${url}/metrics`)).text()));
  const up = async (mode: OutageMode): Promise<boolean[]> =>
    (await metrics(mode)).map((text) => text.includes('llmbridge_rate_limit_store_up 1'));
  const allUp = async () => (await Promise.all(modes.map(up))).flat().every(Boolean);
  const amiss = new Set<string>();
  const look = async () => {
    for (const { all } of gateways.values()) {
      for (const { url } of all) {
        const { components } = (await (await fetch(`${url}/health`)).json()) as {
          components: { name: string; status: string }[];
        };
        for (const { name, status } of components) if (/degraded/i.test(status)) amiss.add(name);
      }
    }
  };
  const spell = (
    fault: string,
    mode: OutageMode,
    from: number,
    to: number,
    noticedMs: number | undefined,
    backMs: number,
  ): Spell => {
    const of = calls.filter((call) => call.mode === mode && call.at >= from && call.at < to);
    const waits = of.map(({ ms }) => ms).sort((a, b) => a - b);
    const unchecked = of.filter(({ told }) => told.reason === 'admission_unavailable').length;
    const wrong = of.flatMap(({ user, told }) =>
      user === 'bob' && !told.ok && told.reason !== 'admission_unavailable'
        ? [`${told.status} ${told.reason} ${told.message}`]
        : [],
    );
    return {
      fault,
      mode,
      calls: of.length,
      admitted: of.filter(({ told }) => told.ok).length,
      unchecked,
      wrong,
      medianMs: rank(waits, 0.5),
      p99Ms: rank(waits, 0.99),
      maxMs: waits.at(-1) ?? 0,
      noticedMs,
      backMs,
    };
  };

  const spans: { fault: Fault; from: number; to: number; noticedMs: number | undefined; backMs: number }[] = [];
  const calms: [number, number][] = [];
  let waits: ChaosReport['waits'] = {};
  try {
    // The first calls find connections and code cold.
    await sleep(1_000);
    for (const fault of faults) {
      const calm = performance.now();
      await sleep(400);
      calms.push([calm, performance.now()]);
      const from = performance.now();
      await fault.begin();
      let noticedMs: number | undefined;
      while (
        performance.now() - from < lastsMs ||
        (fault.out && noticedMs === undefined && performance.now() - from < 5 * lastsMs)
      ) {
        if (fault.out && noticedMs === undefined && !(await allUp())) {
          noticedMs = performance.now() - from;
          await sleep(100);
          await look();
        }
        await sleep(50);
      }
      await fault.end();
      const ended = performance.now();
      while (!(await allUp())) {
        if (performance.now() - ended > 30_000) throw new Error(`${fault.name}: not back within 30 s`);
        await sleep(50);
      }
      const to = performance.now();
      spans.push({ fault, from, to, noticedMs, backMs: to - ended });
    }
    clearInterval(timer);
    await Promise.all(flying);
    waits = Object.fromEntries(
      await Promise.all(modes.map(async (mode) => [mode, waitsOf(await metrics(mode))] as const)),
    );
  } finally {
    clearInterval(timer);
    await Promise.allSettled(flying);
    for (const each of gateways.values()) await each.stop();
  }
  const lines = (mode: OutageMode, event: string) =>
    (gateways.get(mode)?.all ?? []).reduce(
      (sum, { output }) => sum + output().split(`"event":"${event}"`).length - 1,
      0,
    );
  const each = <T>(of: (mode: OutageMode) => T): ByMode<T> => Object.fromEntries(modes.map((mode) => [mode, of(mode)]));
  const alice = (mode: OutageMode) => calls.filter((call) => call.mode === mode && call.user === 'alice');
  return {
    spells: spans.flatMap(({ fault, from, to, noticedMs, backMs }) =>
      modes.map((mode) => spell(fault.name, mode, from, to, noticedMs, backMs)),
    ),
    calm: modes.flatMap((mode) => calms.map(([from, to]) => spell('calm', mode, from, to, undefined, 0))),
    limited: each((mode) => alice(mode).filter(({ told }) => told.ok).length),
    asked: each((mode) => alice(mode).length),
    logged: each((mode) => ({ out: lines(mode, 'limit_store_out'), back: lines(mode, 'limit_store_back') })),
    waits,
    amiss: [...amiss],
  };
}

const ms = (value: number | undefined) => (value === undefined ? '-' : String(Math.round(value)));

/** One line for each fault and mode. */
export const chaosTable = ({ spells, calm, limited, asked, logged, waits }: ChaosReport): string =>
  [
    'fault | mode | calls | admitted | unchecked | wrong | median ms | p99 ms | max ms | noticed ms | back ms',
    ...spells.map(
      (s) =>
        `${s.fault} | ${s.mode} | ${s.calls} | ${s.admitted} | ${s.unchecked} | ${s.wrong.length} | ${ms(s.medianMs)} | ${ms(s.p99Ms)} | ${ms(s.maxMs)} | ${ms(s.noticedMs)} | ${ms(s.backMs)}`,
    ),
    `without a fault: median ${ms(Math.max(...calm.map(({ medianMs }) => medianMs)))} ms, max ${ms(Math.max(...calm.map(({ maxMs }) => maxMs)))} ms`,
    ...allModes
      .filter((mode) => mode in limited)
      .map(
        (mode) =>
          `${mode}: the user of ${quota} calls an hour was let in ${limited[mode]} times of ${asked[mode]}; store out ${logged[mode]?.out}, back ${logged[mode]?.back} times in the log; of ${waits[mode]?.calls} calls that waited for it, ${waits[mode]?.over75} longer than 75 ms, ${waits[mode]?.over100} longer than 100 ms`,
      ),
  ].join('\n');
