/**
 * From the spawn of a process to its first answered request, the CPU that took, and the memory it holds when nothing
 * happens: the compiled gateway on its simulator, asked by JSON and by gRPC, beside the bare Node proxy and a process
 * that does nothing. All in turn, medians and spread of all rounds; a first round, which fills the cache of bytecode,
 * does not count.
 *
 *   make build && node bench/start.ts [--rounds 11] [--other NAME=FILE]...
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { framed, grpcMessage, jsonAnswer, jsonRequest } from './payload.ts';
import { usageOf } from './process.ts';
import { freePort } from './programs.ts';

/** How long a process is left alone before its memory is read. */
const IDLE_MS = 1_500;
const PATIENCE_MS = 20_000;

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '11' }, other: { type: 'string', multiple: true, default: [] } },
});
const here = dirname(fileURLToPath(import.meta.url));

/** Resolves with the answer's status; rejects where nobody listens yet. */
function askJson(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const request = http.request({
      host: '127.0.0.1',
      port,
      path: '/v1/chat/completions',
      method: 'POST',
      headers,
      agent: false,
    });
    request.once('error', reject).once('response', (response) => {
      response.resume().once('end', () => resolve(response.statusCode ?? 0));
    });
    request.end(jsonRequest);
  });
}

/** Resolves with 200 for gRPC's OK. */
function askGrpc(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const session = http2.connect(`http://127.0.0.1:${port}`).once('error', reject);
    const request = session.request({
      ':method': 'POST',
      ':path': '/llmbridge.v1.ChatService/ChatCompletion',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    request.once('error', reject).once('trailers', (trailers) => {
      session.close();
      resolve(trailers['grpc-status'] === '0' ? 200 : 500);
    });
    request.resume().end(framed(grpcMessage()));
  });
}

interface Subject {
  readonly name: string;
  readonly command: (port: number) => readonly string[];
  /** Undefined for one that ends by itself, whose end is waited for. */
  readonly ask?: (port: number) => Promise<number>;
  readonly answeredMs: number[];
  readonly cpuMs: number[];
  readonly residentMb: number[];
}

const subject = (name: string, command: Subject['command'], ask?: Subject['ask']): Subject => ({
  name,
  command,
  ...(ask && { ask }),
  answeredMs: [],
  cpuMs: [],
  residentMb: [],
});

async function firstAnswer(child: ChildProcess, ask: (port: number) => Promise<number>, port: number): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (child.exitCode === null && performance.now() < deadline) {
    const status = await ask(port).catch(() => undefined);
    if (status === 200) return;
    if (status !== undefined) throw new Error(`the first answer was ${status}`);
    await sleep(4);
  }
  throw new Error(child.exitCode === null ? 'it never answered' : `it ended with exit code ${child.exitCode}`);
}

async function measure({ command, ask, answeredMs, cpuMs, residentMb }: Subject): Promise<void> {
  const port = await freePort();
  const environment = { LLMBRIDGE_SERVER__PORT: String(port), LLMBRIDGE_CONFIG: join(here, '../configs/demo.yaml') };
  const begun = performance.now();
  const child = spawn(process.execPath, command(port), { env: { ...process.env, ...environment }, stdio: 'ignore' });
  const exited = once(child, 'exit');
  if (ask === undefined) {
    await exited;
    answeredMs.push(performance.now() - begun);
    return;
  }
  try {
    await firstAnswer(child, ask, port);
    answeredMs.push(performance.now() - begun);
    const pid = child.pid ?? 0;
    cpuMs.push(usageOf(pid).cpu * 1_000);
    await sleep(IDLE_MS);
    residentMb.push(usageOf(pid).memory);
  } finally {
    // SIGTERM: at a clean end the cache of bytecode is written.
    child.kill();
    await exited;
  }
}

function told(samples: readonly number[]): string {
  const sorted = samples.toSorted((a, b) => a - b);
  const [least, median, most] = [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)];
  if (least === undefined || median === undefined || most === undefined) return '';
  return `${median.toFixed(0)} (${least.toFixed(0)} to ${most.toFixed(0)})`;
}

const upstream = http
  .createServer((_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(jsonAnswer))
  .listen(0, '127.0.0.1');
await once(upstream, 'listening');
const upstreamPort = String((upstream.address() as AddressInfo).port);

const gateways = [['llm-bridge', join(here, '../dist/src/main.js')], ...values.other.map((other) => other.split('='))];
const subjects = [
  subject('node -e 0', () => ['-e', '0']),
  subject('bare Node proxy', (port) => [join(here, 'bare-proxy.mjs'), String(port), upstreamPort], askJson),
  ...gateways.flatMap(([name = '', main = '']) => [
    subject(`${name}, JSON`, () => [main, 'serve'], askJson),
    subject(`${name}, gRPC`, () => [main, 'serve'], askGrpc),
  ]),
];

for (let round = 0; round <= Number(values.rounds); round++)
  for (const each of subjects) {
    await measure(each);
    if (round === 0) for (const samples of [each.answeredMs, each.cpuMs, each.residentMb]) samples.length = 0;
  }
upstream.close();

console.log('| | first answer, ms | CPU until then, ms | idle, MiB resident |\n|---|---|---|---|');
for (const { name, answeredMs, cpuMs, residentMb } of subjects)
  console.log(`| ${name} | ${told(answeredMs)} | ${told(cpuMs)} | ${told(residentMb)} |`);
