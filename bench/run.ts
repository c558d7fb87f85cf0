/**
 * CPU microseconds of a program for one request or chunk, beside references in the same run.
 *
 * The one that is measured is alone on core 0; upstream and load share core 1. CPU time is read from /proc before and
 * after each load, so that it does not matter who is the bottleneck. Every repeat measures all of them in turn, so that a
 * drift of the machine hits all alike; the table shows medians.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildFloor } from './floor.ts';
import { authorization } from './gateway.ts';
import type { LoadMaker } from './load.ts';
import { nginx, staticAnswer } from './nginx.ts';
import { installed, type Pinned, startOn, type Usage, until, usageOf } from './process.ts';
import { type Bench, freePort, type Target } from './programs.ts';
import { answers, type Pace, type Scenario, scenarios, type Upstream } from './scenarios.ts';
import { print, rowsOf, type Sample } from './table.ts';

const usual = 'json,json-256,json-rate,grpc-8x8,grpc-64x1,limits,sse-burst,grpc-burst,sse-128,sse-512,grpc-paced-512';
const usage = `node bench/run.ts [--only PARTS] [--repeats 5] [--seconds 3] [--json FILE] [--main FILE] [--other NAME=FILE]

  --only PARTS       of ${scenarios.map(({ part }) => part).join(' ')}
                     (${usual})
  --main FILE        the compiled gateway (dist/src/main.js)
  --other NAME=FILE  another one, measured in turn with it
  --alone            the gateways without their references
  --json FILE        where the rows go as JSON

GOMODEL names a build of GoModel, where it is to be measured too.`;

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: usual },
    repeats: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    json: { type: 'string' },
    main: { type: 'string' },
    other: { type: 'string' },
    alone: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h' },
  },
});
const [repeats, seconds] = [Number(values.repeats), Number(values.seconds)];
const wanted = new Set(values.only.split(','));

const here = dirname(fileURLToPath(import.meta.url));
const entry = values.main ?? join(here, '../dist/src/main.js');
const MEASURED_CORE = 0;
const LOAD_CORE = Math.min(1, availableParallelism() - 1);

const folder = mkdtempSync(join(tmpdir(), 'llm-bridge-bench-'));
const running: Pinned[] = [];
const stopAll = () => Promise.all(running.splice(0).map((program) => program.stop()));

/** Rows of the table, by what was measured and who. */
const samples = new Map<string, Map<string, Sample[]>>();

async function startUpstream(kind: Upstream, pace: Pace | undefined, floor: string): Promise<number> {
  const port = await freePort();
  const type = kind === 'whole' ? 'application/json' : 'text/event-stream';
  const command =
    kind === 'paced'
      ? [floor, 'paced', `127.0.0.1:${port}`, `${pace?.chunks}:${pace?.every}`]
      : nginx(folder, `upstream-${port}`, staticAnswer(port, type, answers[kind]));
  running.push(startOn(LOAD_CORE, command, {}, folder));
  return port;
}

async function startRedis(): Promise<string | undefined> {
  if (!installed('redis-server')) return undefined;
  const port = await freePort();
  running.push(startOn(LOAD_CORE, ['redis-server', '--port', String(port), '--bind', '127.0.0.1', '--save', '']));
  return `redis://127.0.0.1:${port}`;
}

async function measure({ title, run }: Scenario, target: Target, maker: LoadMaker): Promise<void> {
  const marks = [usageOf(target.program.pid)];
  const { requests, ...rest } = await run(target, maker, seconds, () => marks.push(usageOf(target.program.pid)));
  if (marks.length === 1) marks.push(usageOf(target.program.pid));
  const [before, after] = marks.slice(-2) as [Usage, Usage];
  const sample = { ...rest, micros: ((after.cpu - before.cpu) / requests) * 1e6, memory: after.memory };
  const rows = samples.get(title) ?? new Map<string, Sample[]>();
  samples.set(title, rows.set(target.name, [...(rows.get(target.name) ?? []), sample]));
  process.stderr.write(`${title}, ${target.name}: ${sample.micros.toFixed(1)} µs\n`);
}

async function play(scenario: Scenario, bench: Bench, maker: LoadMaker): Promise<void> {
  const redis = scenario.part === 'limits' ? await startRedis() : undefined;
  const upstream = await startUpstream(scenario.upstream, scenario.pace, bench.floor);
  const targets = await scenario.targets({ ...bench, ...(redis !== undefined && { redis }) }, upstream);
  running.push(...targets.map(({ program }) => program));
  for (const target of targets) await until(target.program, () => scenario.check(target));
  for (const target of targets) await scenario.run(target, maker, 2, () => {});
  for (let i = 0; i < repeats; i++) for (const target of targets) await measure(scenario, target, maker);
}

function missing(): string | undefined {
  if (!existsSync(entry)) return `there is no ${entry}: run 'make build'`;
  const unknown = [...wanted].filter((part) => !scenarios.some((scenario) => scenario.part === part));
  if (unknown.length > 0) return `there is no part ${unknown.join(', ')}`;
  const tools = { wrk: 'wrk', h2load: 'nghttp2-client', taskset: 'util-linux', nginx: 'nginx', go: 'golang' };
  const absent = Object.entries(tools).filter(([program]) => !installed(program));
  if (absent.length === 0) return undefined;
  const packages = absent.map(([, name]) => name).join(' ');
  return `${absent.map(([program]) => program).join(', ')} not found: apt-get install ${packages}`;
}

async function main(): Promise<number> {
  const lacking = missing();
  if (values.help || lacking !== undefined) {
    process.stderr.write(`${lacking === undefined ? usage : `bench: ${lacking}`}\n`);
    return lacking === undefined ? 0 : 69;
  }
  const floor = buildFloor();
  const [name = '', other] = values.other?.split('=') ?? [];
  const bench: Bench = {
    ...{ core: MEASURED_CORE, folder, floor, references: !values.alone },
    gateways: new Map([['llm-bridge', entry], ...(other === undefined ? [] : ([[name, other]] as const))]),
    goModel: process.env['GOMODEL'],
  };
  const maker: LoadMaker = { core: LOAD_CORE, folder, authorization, floor };
  try {
    for (const scenario of scenarios) {
      if (wanted.has(scenario.part)) await play(scenario, bench, maker);
      await stopAll();
    }
  } finally {
    await stopAll();
    rmSync(folder, { recursive: true, force: true });
  }
  const rows = rowsOf(samples);
  print(rows);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
  return rows.some((row) => row.errors > 0) ? 1 : 0;
}

process.exitCode = await main();
