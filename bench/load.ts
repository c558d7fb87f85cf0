import { execFile } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** One measured load: how many requests or chunks, at what rate, with which latencies; 0 where these are not known. */
export interface Load {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly errors: number;
}

/** Where load is made, and who calls. */
export interface LoadMaker {
  readonly core: number;
  /** For files of the load's own. */
  readonly folder: string;
  /** Value of `authorization`. */
  readonly authorization: string;
  /** The program that reads streams (bench/floor). */
  readonly floor: string;
}

const path = '/v1/chat/completions';

/** HTTP/1.1 by wrk: so many connections, each with its next request as soon as the last is answered. */
export async function wrk(
  { core, folder, authorization }: LoadMaker,
  port: number,
  body: string,
  connections: number,
  seconds: number,
): Promise<Load> {
  const script = join(folder, 'wrk.lua');
  writeFileSync(
    script,
    `wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.headers["authorization"] = ${JSON.stringify(authorization)}
wrk.body = ${JSON.stringify(body)}
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9), e.status + e.timeout + e.read + e.connect))
end
`,
  );
  const url = `http://127.0.0.1:${port}${path}`;
  const command = [
    '-c',
    String(core),
    'wrk',
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    '--timeout',
    '30s',
    '-s',
    script,
  ];
  const { stdout } = await run('taskset', [...command, url]);
  const [requests, micros, p50 = 0, p99 = 0, p999 = 0, errors = 0] = (/RESULT (.+)/.exec(stdout)?.[1] ?? '')
    .split(' ')
    .map(Number);
  if (requests === undefined || micros === undefined) throw new Error(`wrk said ${stdout}`);
  const perSecond = (requests / micros) * 1e6;
  return { requests, perSecond, p50Ms: p50 / 1_000, p99Ms: p99 / 1_000, p999Ms: p999 / 1_000, errors };
}

/** What h2load sends. */
export interface H2Load {
  readonly port: number;
  readonly path: string;
  readonly body: string | Uint8Array;
  readonly contentType: string;
  /** Over HTTP/1.1, one request at a time on each connection. */
  readonly http1?: boolean;
  readonly connections: number;
  readonly streams: number;
  readonly seconds: number;
  /** Requests a second, all connections together; as fast as they are answered where undefined. */
  readonly rate?: number;
}

/** HTTP/2, or HTTP/1.1 at a rate, by h2load. */
export async function h2load({ core, folder, authorization }: LoadMaker, load: H2Load): Promise<Load> {
  const { port, connections, streams, seconds, rate } = load;
  const [body, log] = [join(folder, 'h2load.body'), join(folder, 'h2load.log')];
  writeFileSync(body, load.body);
  const headers = [`content-type: ${load.contentType}`, `authorization: ${authorization}`, 'te: trailers'];
  const { stdout } = await run('taskset', [
    ...['-c', String(core), 'h2load', '-t1', '-c', String(connections), '-m', String(streams), '-D', String(seconds)],
    ...['-d', body, '--log-file', log, ...headers.flatMap((header) => ['-H', header])],
    ...(load.http1 === true ? ['--h1'] : []),
    ...(rate === undefined ? [] : ['--rps', String(Math.max(1, Math.round(rate / connections)))]),
    `http://127.0.0.1:${port}${load.path}`,
  ]);
  const total = /(\d+) succeeded, (\d+) failed/.exec(stdout);
  if (total === null) throw new Error(`h2load said ${stdout}`);
  const latencies = readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Number(line.split('\t')[2]))
    .sort((a, b) => a - b);
  rmSync(log);
  const at = (share: number) => (latencies[Math.floor(latencies.length * share)] ?? 0) / 1_000;
  return {
    requests: Number(total[1]),
    perSecond: Number(/([\d.]+) req\/s/.exec(stdout)?.[1]),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    p999Ms: at(0.999),
    errors: Number(total[2]),
  };
}

/** What is read by a program that knows when each chunk was sent. */
export interface StreamLoad {
  readonly mode: 'read-sse' | 'read-grpc';
  readonly where: string;
  readonly streams: number;
  readonly seconds: number;
  readonly environment: Readonly<Record<string, string>>;
  /** Called when all streams have begun and are measured from now on, and when that ends. */
  mark(): void;
}

/** Reads so many streams at once. */
export async function readStreams({ core, authorization, floor }: LoadMaker, load: StreamLoad): Promise<Load> {
  const { mode, where, streams, seconds, environment, mark } = load;
  const reader = run('taskset', ['-c', String(core), floor, mode, where, `${streams}:${seconds}`], {
    env: { ...process.env, ...environment, AUTHORIZATION: authorization },
  });
  reader.child.stdout?.on('data', (text: string) => {
    for (const _ of text.matchAll(/^measur/gm)) mark();
  });
  const { stdout, stderr } = await reader;
  process.stderr.write(stderr);
  const result = stdout.slice(stdout.indexOf('{'));
  const { chunks, broken, ...latencies } = JSON.parse(result) as Omit<Load, 'requests'> & {
    readonly chunks: number;
    readonly broken: number;
  };
  return { ...latencies, requests: chunks, perSecond: chunks / seconds, errors: broken };
}

/** Makes one gRPC call and throws unless it went well: h2load does not look at trailers. Not `whole`, it has but to begin. */
export async function checkGrpc(
  port: number,
  path: string,
  frame: Uint8Array,
  authorization: string,
  whole = true,
): Promise<void> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  try {
    await new Promise<void>((resolve, reject) => {
      session.on('error', reject);
      const stream = session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
        authorization,
      });
      let status: unknown;
      let bytes = 0;
      stream.on('response', (headers) => {
        status = headers['grpc-status'];
      });
      stream.on('trailers', (trailers) => {
        status = trailers['grpc-status'];
      });
      stream.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (whole || bytes <= 100) return;
        resolve();
        stream.close();
      });
      stream.on('error', reject);
      stream.on('end', () => (status === '0' && bytes > 100 ? resolve() : reject(new Error(`grpc-status ${status}`))));
      stream.end(frame);
    });
  } finally {
    session.close();
  }
}

/** Makes one HTTP call and throws unless the answer has the text. */
export async function checkHttp(port: number, body: string, text: string, authorization: string): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization },
    body,
  });
  let answer = '';
  const decoder = new TextDecoder();
  for await (const piece of response.body ?? []) {
    answer += decoder.decode(piece, { stream: true });
    // A paced stream goes on for long.
    if (response.status === 200 && answer.includes(text)) return;
  }
  throw new Error(`${response.status} ${answer.slice(0, 300)}`);
}
