import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** One measured load: how many requests, at what rate, with which latencies; 0 where these are not known. */
export interface Load {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
}

const path = '/v1/chat/completions';

/** HTTP/1.1 by wrk, from one core. */
export async function wrk(
  core: number,
  folder: string,
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
wrk.body = ${JSON.stringify(body)}
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), e.status + e.timeout + e.read + e.connect))
end
`,
  );
  const url = `http://127.0.0.1:${port}${path}`;
  const command = ['-c', String(core), 'wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '-s', script, url];
  const { stdout } = await run('taskset', command);
  const [requests, micros, p50, p99, errors] = (/RESULT (.+)/.exec(stdout)?.[1] ?? '').split(' ').map(Number);
  if (requests === undefined || micros === undefined) throw new Error(`wrk said ${stdout}`);
  return {
    requests,
    perSecond: (requests / micros) * 1e6,
    p50Ms: (p50 ?? 0) / 1_000,
    p99Ms: (p99 ?? 0) / 1_000,
    errors: errors ?? 0,
  };
}

export const grpcPath = '/llmbridge.v1.ChatService/ChatCompletion';
export const grpcStreamPath = '/llmbridge.v1.ChatService/StreamChatCompletion';

/** gRPC by h2load, from one core: `connections` with `streams` requests at once on each. */
export async function h2load(
  core: number,
  frame: string,
  port: number,
  connections: number,
  streams: number,
  seconds: number,
  path = grpcPath,
): Promise<Load> {
  const { stdout } = await run('taskset', [
    ...['-c', String(core), 'h2load', '-t1', '-c', String(connections), '-m', String(streams), '-D', String(seconds)],
    ...['-d', frame, '-H', 'content-type: application/grpc', '-H', 'te: trailers'],
    `http://127.0.0.1:${port}${path}`,
  ]);
  const total = /(\d+) succeeded, (\d+) failed/.exec(stdout);
  const perSecond = Number(/([\d.]+) req\/s/.exec(stdout)?.[1]);
  if (total === null) throw new Error(`h2load said ${stdout}`);
  return {
    requests: Number(total[1]),
    perSecond,
    // h2load tells the mean only.
    p50Ms: 0,
    p99Ms: 0,
    errors: Number(total[2]),
  };
}

/** Makes one gRPC call and throws unless it went well: h2load does not look at trailers. */
export async function checkGrpc(port: number, frame: Buffer, path = grpcPath): Promise<void> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  try {
    await new Promise<void>((resolve, reject) => {
      session.on('error', reject);
      const stream = session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
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
export async function checkHttp(port: number, body: string, text: string): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  const answer = await response.text();
  if (response.status !== 200 || !answer.includes(text)) throw new Error(`${response.status} ${answer.slice(0, 300)}`);
}
