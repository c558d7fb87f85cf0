/**
 * CPU microseconds of the gateway's process for one request, beside a bare Node proxy (and nginx) in the same run.
 *
 * The one that is measured is alone on core 0; upstream and load generator share core 1. CPU time is read from /proc
 * before and after each load, so that it does not matter who is the bottleneck. Every repeat measures all of them in
 * turn, so that a drift of the machine hits all alike; the table shows medians.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { checkGrpc, checkHttp, grpcStreamPath, h2load, type Load, wrk } from './load.ts';
import { grpcRequest, jsonAnswer, jsonRequest, MODEL, STREAM_CHUNKS, streamEvents, streamRequest } from './payload.ts';
import { installed, type Pinned, startOn, until, usageOf } from './process.ts';
import { print, rowsOf, type Sample } from './table.ts';

const usage = `node bench/run.ts [--repeats 3] [--seconds 4] [--connections 64] [--streams 128] [--only json,grpc,sse,paced] [--json FILE] [--main dist/src/main.js]`;

const { values } = parseArgs({
  options: {
    repeats: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    connections: { type: 'string', default: '64' },
    streams: { type: 'string', default: '128' },
    only: { type: 'string', default: 'json,grpc,sse,paced' },
    json: { type: 'string' },
    main: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
});
const [repeats, seconds, connections, streams] = [
  values.repeats,
  values.seconds,
  values.connections,
  values.streams,
].map(Number) as [number, number, number, number];
const parts = new Set(values.only.split(','));

const here = dirname(fileURLToPath(import.meta.url));
const entry = values.main ?? join(here, '../dist/src/main.js');
const MEASURED_CORE = 0;
const LOAD_CORE = Math.min(1, availableParallelism() - 1);
const PACE_MS = 25;

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const nginx = (folder: string, name: string, servers: string): string[] => {
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${folder}/${kind};`,
  );
  const file = join(folder, `${name}.conf`);
  writeFileSync(
    file,
    `worker_processes 1; daemon off; master_process off; pid ${folder}/${name}.pid; error_log ${folder}/${name}.log;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 100000000; ${paths.join(' ')} ${servers} }`,
  );
  return ['nginx', '-c', file];
};

/**
 * nginx can't look at a body without a module, so that whole answers and streams have a port each. It takes no
 * parameter longer than 4 KB, but joins variables.
 */
function staticAnswer(port: number, type: string, body: string): string {
  const pieces = body.match(/.{1,2000}/gs) ?? [];
  const variables = pieces.map((piece, i) => `set $piece${i} '${piece}';`).join(' ');
  const joined = pieces.map((_, i) => `\${piece${i}}`).join('');
  return `server { listen 127.0.0.1:${port}; location / { default_type ${type}; ${variables} return 200 '${joined}'; } }`;
}

interface Target {
  readonly name: string;
  readonly json: boolean;
  readonly grpc: boolean;
  readonly port: number;
  readonly program: Pinned;
}

const gatewayConfig = (
  port: number,
  upstream: number,
  lanes: boolean,
): string => `server: { host: 127.0.0.1, port: ${port}, lanes: ${lanes} }
providers:
  openai: { type: openai, base_url: "http://127.0.0.1:${upstream}/v1", api_keys: [bench], models: [${MODEL}] }
models:
  - name: ${MODEL}
    targets: [{ provider: openai, model: ${MODEL} }]
`;

async function targetsFor(upstream: number, folder: string, name: string): Promise<Target[]> {
  const targets: Target[] = [];
  const [bare, proxy] = [await freePort(), await freePort()];
  const start = (label: string, port: number, command: string[], kinds = { json: true, grpc: false }) =>
    targets.push({ name: label, ...kinds, port, program: startOn(MEASURED_CORE, command) });
  const startGateway = async (label: string, lanes: boolean, kinds: { json: boolean; grpc: boolean }) => {
    const port = await freePort();
    const config = join(folder, `gateway-${name}-${lanes}.yaml`);
    writeFileSync(config, gatewayConfig(port, upstream, lanes));
    start(label, port, [process.execPath, entry, 'serve', '--config', config], kinds);
  };
  if (installed('nginx')) {
    const servers = `upstream u { server 127.0.0.1:${upstream}; keepalive 1024; keepalive_requests 100000000; }
server { listen 127.0.0.1:${proxy}; location / { proxy_pass http://u; proxy_http_version 1.1;
  proxy_set_header Connection ""; proxy_buffering off; } }`;
    start('nginx proxy_pass', proxy, nginx(folder, `proxy-${name}`, servers));
  }
  start('bare Node proxy', bare, [process.execPath, join(here, 'bare-proxy.mjs'), String(bare), String(upstream)]);
  await startGateway('llm-bridge', true, { json: true, grpc: true });
  if (parts.has('grpc')) await startGateway('lanes off', false, { json: false, grpc: true });
  return targets;
}

/** Rows of the table, by what was measured and who. */
const samples = new Map<string, Map<string, Sample[]>>();

async function measure(what: string, target: Target, load: () => Promise<Load>): Promise<void> {
  const before = usageOf(target.program.pid);
  const { requests, ...rest } = await load();
  const after = usageOf(target.program.pid);
  const sample = { ...rest, micros: ((after.cpu - before.cpu) / requests) * 1e6, memory: after.memory };
  const rows = samples.get(what) ?? new Map<string, Sample[]>();
  samples.set(what, rows.set(target.name, [...(rows.get(target.name) ?? []), sample]));
  process.stderr.write(`${what}, ${target.name}: ${sample.micros.toFixed(1)} µs\n`);
}

const running: Pinned[] = [];
const folder = mkdtempSync(join(tmpdir(), 'llm-bridge-bench-'));

/** Whole answers and streams are known by how they end. */
const check = (port: number, body: string) => checkHttp(port, body, body === streamRequest ? '[DONE]' : 'chatcmpl');

async function upstreamOf(type: string, body: string, interval: number): Promise<number> {
  const port = await freePort();
  const command =
    interval === 0 && installed('nginx')
      ? nginx(folder, `upstream-${port}`, staticAnswer(port, type, body))
      : [process.execPath, join(here, 'upstream.ts'), String(port), String(interval)];
  const program = startOn(LOAD_CORE, command);
  running.push(program);
  await until(program, () => check(port, type === 'application/json' ? jsonRequest : streamRequest));
  return port;
}

async function started(upstream: number, name: string, body: string): Promise<Target[]> {
  const targets = await targetsFor(upstream, folder, name);
  running.push(...targets.map((target) => target.program));
  for (const { program, port } of targets) await until(program, () => check(port, body));
  return targets;
}

async function unary(): Promise<void> {
  const targets = await started(await upstreamOf('application/json', jsonAnswer, 0), 'json', jsonRequest);
  const frame = grpcRequest();
  const file = join(folder, 'frame');
  writeFileSync(file, frame);
  const withGrpc = parts.has('grpc') ? targets.filter((target) => target.grpc) : [];
  const withJson = parts.has('json') ? targets.filter((target) => target.json) : [];
  for (const target of withJson) await wrk(LOAD_CORE, folder, target.port, jsonRequest, connections, 2);
  for (const { port } of withGrpc) {
    await checkGrpc(port, frame);
    await h2load(LOAD_CORE, file, port, 8, 8, 2);
  }
  for (let i = 0; i < repeats; i++) {
    for (const target of withJson) {
      await measure(`JSON, ${connections} connections`, target, () =>
        wrk(LOAD_CORE, folder, target.port, jsonRequest, connections, seconds),
      );
    }
    for (const target of withGrpc) {
      await measure('gRPC, 8 connections of 8 streams', target, () =>
        h2load(LOAD_CORE, file, target.port, 8, 8, seconds),
      );
      await measure('gRPC, 64 connections of 1 stream', target, () =>
        h2load(LOAD_CORE, file, target.port, 64, 1, seconds),
      );
    }
  }
}

async function bursts(): Promise<void> {
  const upstream = await upstreamOf('text/event-stream', streamEvents.join(''), 0);
  const targets = await started(upstream, 'sse', streamRequest);
  const withSse = parts.has('sse') ? targets.filter((target) => target.json) : [];
  const withGrpc = parts.has('grpc') ? targets.filter((target) => target.grpc) : [];
  const file = join(folder, 'frame');
  writeFileSync(file, grpcRequest());
  const grpcLoad = ({ port }: Target, duration: number) =>
    h2load(LOAD_CORE, file, port, 8, 8, duration, grpcStreamPath);
  for (const target of withSse) await wrk(LOAD_CORE, folder, target.port, streamRequest, connections, 2);
  for (const target of withGrpc) {
    await checkGrpc(target.port, grpcRequest(), grpcStreamPath);
    await grpcLoad(target, 2);
  }
  for (let i = 0; i < repeats; i++) {
    for (const target of withGrpc) {
      await measure(`gRPC stream, ${STREAM_CHUNKS} chunks at once`, target, () => grpcLoad(target, seconds));
    }
    for (const target of withSse) {
      await measure(`SSE, ${STREAM_CHUNKS} chunks at once`, target, () =>
        wrk(LOAD_CORE, folder, target.port, streamRequest, connections, seconds),
      );
    }
  }
}

async function paced(): Promise<void> {
  const upstream = await upstreamOf('text/event-stream', '', PACE_MS);
  const targets = await started(upstream, 'paced', streamRequest);
  const load = async ({ port }: Target, duration: number, protocol: 'sse' | 'grpc'): Promise<Load> => {
    const command = [join(here, 'streams.ts'), String(port), String(streams), String(duration), protocol];
    const { stdout } = await promisify(execFile)('taskset', ['-c', String(LOAD_CORE), process.execPath, ...command]);
    const { chunks, broken } = JSON.parse(stdout) as { readonly chunks: number; readonly broken: number };
    return { requests: chunks, perSecond: chunks / (duration + 1), p50Ms: 0, p99Ms: 0, errors: broken };
  };
  const lanes = [
    ['sse', 'SSE', parts.has('paced') ? targets.filter((target) => target.json) : []],
    ['grpc', 'gRPC', parts.has('grpc') ? targets.filter((target) => target.grpc) : []],
  ] as const;
  for (const [protocol, , list] of lanes) for (const target of list) await load(target, 1, protocol);
  for (let i = 0; i < repeats; i++) {
    for (const [protocol, name, list] of lanes) {
      for (const target of list) {
        await measure(`${name}, a chunk every ${PACE_MS} ms, ${streams} streams: per chunk`, target, () =>
          load(target, seconds, protocol),
        );
      }
    }
  }
}

function missing(): string | undefined {
  if (!existsSync(entry)) return `there is no ${entry}: run 'make build'`;
  const tools = { wrk: 'wrk', h2load: 'nghttp2-client', taskset: 'util-linux' };
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
  const stopAll = () => Promise.all(running.splice(0).map((program) => program.stop()));
  try {
    for (const [wanted, part] of [
      [parts.has('json') || parts.has('grpc'), unary],
      [parts.has('sse') || parts.has('grpc'), bursts],
      [parts.has('paced') || parts.has('grpc'), paced],
    ] as const) {
      if (wanted) await part();
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
