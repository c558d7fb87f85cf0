import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { failoverProfiles } from '../../src/simulator/failover-models.ts';
import { createSimulatorServer, type SimulatorServer } from '../../src/simulator/server.ts';
import type { FailoverCaller, Received } from './failover-callers.ts';
import { startGateway, type TestGateway } from './gateway.ts';
import { root } from './parts.ts';

/** How much faster than in life a run is; the configuration's limits are scaled with the simulator's times. */
interface Pace {
  readonly timings: keyof typeof failoverProfiles;
  /** Overrides of configs/examples/failover.yaml; none for the full profile. */
  readonly env: Readonly<Record<string, string>>;
  /** Upper bounds of a whole call, in milliseconds. */
  readonly bounds: { readonly quick: number; readonly silent: number; readonly slow: number; readonly stall: number };
  readonly flap: { readonly everyMs: number; readonly outageMs: number; readonly backMs: number };
}

const paces: Readonly<Record<keyof typeof failoverProfiles, Pace>> = {
  full: {
    timings: 'full',
    env: {},
    bounds: { quick: 15_000, silent: 100_000, slow: 15_000, stall: 45_000 },
    flap: { everyMs: 4_000, outageMs: 60_000, backMs: 30_000 },
  },
  fast: {
    timings: 'fast',
    env: {
      LLMBRIDGE_BALANCER__TIMEOUTS__FIRST_TOKEN: '1s',
      LLMBRIDGE_BALANCER__TIMEOUTS__WHOLE: '3500ms',
      LLMBRIDGE_BALANCER__TIMEOUTS__IDLE: '1s',
      LLMBRIDGE_BALANCER__BREAKER__OPEN: '500ms',
      LLMBRIDGE_BALANCER__BREAKER__MAX_OPEN: '1500ms',
    },
    bounds: { quick: 10_000, silent: 14_000, slow: 2_900, stall: 10_000 },
    flap: { everyMs: 400, outageMs: 6_000, backMs: 3_000 },
  },
};

export interface Bench {
  readonly gateway: TestGateway;
  readonly simulator: SimulatorServer;
  readonly pace: Pace;
  readonly caller: FailoverCaller;
  stop(): Promise<void>;
}

/** A gateway with configs/examples/failover.yaml, and a simulator of its own behind it. */
async function openBench(profile: keyof typeof failoverProfiles, caller: FailoverCaller): Promise<Bench> {
  const pace = paces[profile];
  const simulator = await createSimulatorServer({ failover: failoverProfiles[profile] });
  const yaml = readFileSync(join(root, 'configs/examples/failover.yaml'), 'utf8');
  const gateway = await startGateway(yaml, { FAILOVER_URL: `http://127.0.0.1:${simulator.port}/v1`, ...pace.env });
  return {
    gateway,
    simulator,
    pace,
    caller,
    async stop() {
      await gateway.stop();
      await simulator.close();
    },
  };
}

/** What is wrong with the outcome of a scenario; nothing is a pass. */
export type Verdict = readonly string[];

interface Scenario {
  readonly id: string;
  readonly model: string;
  run(bench: Bench, model: string): Promise<Verdict>;
}

/** The times at which the simulator saw requests for a model, in seconds since the reset. */
const seen = ({ simulator }: Bench, model: string) =>
  simulator.requests().requests.filter((request) => request.model === model);

/** An answer that is whole, said once, in a well-formed stream. */
function complete(
  { finished, text, failure, usage, ms }: Received,
  { whole }: { whole: string },
  limit: number,
): string[] {
  const wrong: string[] = [];
  if (failure !== undefined) wrong.push(`failed: ${failure}`);
  else if (text !== whole) wrong.push(`said ${text.split(' ').length} words: ${text.slice(0, 200)}`);
  if (failure === undefined && !finished) wrong.push('no finish reason');
  if (failure === undefined && (usage?.[0] !== 21 || usage[1] !== 60)) wrong.push(`usage ${JSON.stringify(usage)}`);
  if (ms > limit) wrong.push(`took ${Math.round(ms)} ms`);
  return wrong;
}

const need = (holds: boolean, text: string): string[] => (holds ? [] : [text]);

/** One call, a whole answer within a bound, so many attempts at the first model, and the answer's own model named. */
function single(
  bound: keyof Pace['bounds'],
  attempts: readonly [least: number, most: number],
  answeredBy: (model: string) => readonly string[],
  more: (bench: Bench, model: string, received: Received) => string[] = () => [],
): Scenario['run'] {
  return async (bench, model) => {
    const received = await bench.caller.ask(bench.gateway.port, model);
    const count = seen(bench, model).length;
    return [
      ...complete(received, await healthy(bench), bench.pace.bounds[bound]),
      ...need(count >= attempts[0] && count <= attempts[1], `${count} attempts`),
      ...need(answeredBy(model).includes(received.model), `answered by ${received.model}`),
      ...need(received.attempts.at(-1)?.model === received.model, 'the report names another model'),
      ...more(bench, model, received),
    ];
  };
}

const wholes = new WeakMap<Bench, string>();

/** The text of the healthy model, asked for once; also the probe that the gateway is alive. */
async function healthy(bench: Bench): Promise<{ whole: string }> {
  const known = wholes.get(bench);
  if (known !== undefined) return { whole: known };
  const { text } = await bench.caller.ask(bench.gateway.port, 'fb-ok');
  if (text.split(' ').length !== 60) throw new Error(`the healthy model said ${text}`);
  wholes.set(bench, text);
  return { whole: text };
}

const fallback = () => ['fb-ok'];
const itself = (model: string) => [model];
const either = (model: string) => [model, 'fb-ok'];

/** Requests to the first model were closed by the gateway when it gave them up, not by the provider. */
const closedByUs = (bench: Bench, model: string): string[] =>
  need(
    seen(bench, model).every(({ outcome }) => outcome === 'left'),
    `a silent request was ${seen(bench, model).map(({ outcome }) => outcome)}`,
  );

const failedForFree = (_bench: Bench, model: string, { attempts }: Received): string[] =>
  need(
    attempts.every((attempt) => (attempt.model === model ? attempt.tokens === 0 : attempt.tokens === 81)),
    `attempts ${JSON.stringify(attempts)}`,
  );

const mended = (bench: Bench, _model: string, { recovered }: Received): string[] =>
  need(!bench.caller.stream || recovered === 'restart', `recovered by ${recovered}`);

async function refused(bench: Bench, model: string): Promise<Verdict> {
  const { failure, text, ms } = await bench.caller.ask(bench.gateway.port, model);
  const all = bench.simulator.requests().requests;
  return [
    ...need(failure === 'content_policy_violation' || failure === 'CONTENT_REJECTED', `failed with ${failure}`),
    ...need(text === '', `said ${text}`),
    ...need(all.length === 1, `${all.length} requests`),
    ...need(ms < bench.pace.bounds.quick, `took ${Math.round(ms)} ms`),
  ];
}

async function flap(bench: Bench, model: string): Promise<Verdict> {
  const { everyMs, outageMs, backMs } = bench.pace.flap;
  const start = performance.now();
  const wrong: string[] = [];
  const { whole } = await healthy(bench);
  bench.simulator.reset();
  for (let i = 0; i < 20; i++) {
    const due = start + i * everyMs - performance.now();
    if (due > 0) await new Promise((resolve) => setTimeout(resolve, due));
    const received = await bench.caller.ask(bench.gateway.port, model);
    wrong.push(...complete(received, { whole }, bench.pace.bounds.quick).map((text) => `request ${i}: ${text}`));
  }
  const first = seen(bench, model).find(({ outcome, course }) => outcome === 'whole' && course === 'answer');
  const backAt = (first?.at ?? Number.POSITIVE_INFINITY) * 1_000 - outageMs;
  return [...wrong, ...need(backAt < backMs, `the first model was back after ${Math.round(backAt)} ms`)];
}

const alive = (run: Scenario['run']): Scenario['run'] => {
  return async (bench, model) => {
    const wrong = await run(bench, model);
    const probe = await bench.caller.ask(bench.gateway.port, 'fb-ok');
    return [...wrong, ...complete(probe, await healthy(bench), 10_000).map((text) => `probe: ${text}`)];
  };
};

export const failoverScenarios: readonly Scenario[] = [
  {
    id: 'S01 a 429 that says when, once',
    model: 'fb-s01-429-retry-after',
    run: single('quick', [2, 2], itself, (bench, model) => {
      const [first, second] = seen(bench, model);
      const gap = (second?.at ?? 0) - (first?.at ?? 0);
      return need(gap >= 1.8 && gap < 4, `asked again after ${gap} s`);
    }),
  },
  { id: 'S02 a 429 for ever', model: 'fb-s02-429-persistent', run: single('quick', [1, 4], fallback, failedForFree) },
  { id: 'S03 a 500, once', model: 'fb-s03-500-then-200', run: single('quick', [2, 2], itself) },
  { id: 'S04 a 503 for ever', model: 'fb-s04-503-persistent', run: single('quick', [1, 6], fallback, failedForFree) },
  { id: 'S05 a reset, once', model: 'fb-s05-reset', run: single('quick', [1, 2], either) },
  { id: 'S06 no answer', model: 'fb-s06-no-response', run: single('silent', [1, 1], fallback, closedByUs) },
  {
    id: 'S07 a slow first token',
    model: 'fb-s07-slow-ttft',
    run: (bench, model) =>
      bench.caller.stream
        ? single('slow', [1, 1], fallback, closedByUs)(bench, model)
        : single('silent', [1, 1], either)(bench, model),
  },
  { id: 'S08 a cut stream', model: 'fb-s08-stream-cut', run: single('quick', [1, 3], fallback, mended) },
  { id: 'S09 a stalled stream', model: 'fb-s09-stream-stall', run: alive(single('stall', [1, 3], fallback, mended)) },
  {
    id: 'S10 a malformed event',
    model: 'fb-s10-malformed-chunk',
    run: alive(single('quick', [1, 3], fallback, mended)),
  },
  { id: 'S11 no [DONE]', model: 'fb-s11-no-done', run: single('quick', [1, 1], itself) },
  {
    id: 'S12 a context too long',
    model: 'fb-s12-context-length',
    run: single('quick', [1, 1], fallback, failedForFree),
  },
  { id: 'S13 refused content', model: 'fb-s13-content-filter', run: refused },
  {
    id: 'S14 a cut stream, no prefill',
    model: 'fb-s14-stream-cut',
    run: single('quick', [1, 3], () => ['fb-ok-noprefill'], mended),
  },
  { id: 'S15 a flapping model', model: 'fb-s15-flap', run: flap },
  { id: 'S16 the bill', model: 'fb-s16-503-persistent', run: single('quick', [1, 6], fallback, failedForFree) },
];

/** Scenarios whose callers all fare alike when many come at once. */
export const crowdedModels = [
  'fb-s02-429-persistent',
  'fb-s04-503-persistent',
  'fb-s08-stream-cut',
  'fb-s09-stream-stall',
  'fb-s10-malformed-chunk',
  'fb-s12-context-length',
] as const;

/** Many callers at once ask a failing model; what is wrong with what they got. */
export async function runCrowd(caller: FailoverCaller, callers: number): Promise<ReadonlyMap<string, Verdict>> {
  const bench = await openBench('fast', caller);
  const verdicts = new Map<string, Verdict>();
  try {
    const whole = await healthy(bench);
    for (const model of crowdedModels) {
      bench.simulator.reset();
      const all = Array.from({ length: callers }, async (_, i) => {
        const received = await caller.ask(bench.gateway.port, model);
        return complete(received, whole, bench.pace.bounds.silent).map((text) => `caller ${i}: ${text}`);
      });
      const wrong = (await Promise.all(all)).flat();
      // Five failures in a row eject a target; the budget holds the retries of those that were on their way.
      const most = callers + 3 + callers * 0.2;
      const attempts = seen(bench, model).length;
      verdicts.set(model, [...wrong, ...need(attempts <= most, `${attempts} attempts`)]);
    }
  } finally {
    await bench.stop();
  }
  return verdicts;
}

/** Runs every scenario, one after another, on a fresh gateway. */
export async function runScenarios(
  profile: keyof typeof failoverProfiles,
  caller: FailoverCaller,
): Promise<ReadonlyMap<string, Verdict>> {
  const bench = await openBench(profile, caller);
  const verdicts = new Map<string, Verdict>();
  try {
    await healthy(bench);
    for (const { id, model, run } of failoverScenarios) {
      bench.simulator.reset();
      verdicts.set(id, await run(bench, model).catch((error: unknown) => [String(error)]));
    }
  } finally {
    await bench.stop();
  }
  return verdicts;
}
