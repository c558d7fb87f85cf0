/**
 * CPU microseconds of the upstream HTTP client alone for one request: closed loops over nginx, which stands on another
 * core. All clients are measured in turn in every round, so that a drift of the machine hits all alike; medians.
 *
 *   taskset -c 0 node bench/upstream-client.ts [--tree DIR] [--rounds 9] [--requests 20000] [--connections 64] [--only native]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { HttpRequest, Upstream } from '../src/kernel/upstream.ts';
import { jsonAnswer, jsonRequest, streamEvents, streamRequest } from './payload.ts';
import { startOn, until } from './process.ts';

const { values } = parseArgs({
  options: {
    tree: { type: 'string', default: join(import.meta.dirname, '..') },
    rounds: { type: 'string', default: '9' },
    requests: { type: 'string', default: '20000' },
    connections: { type: 'string', default: '64' },
    only: { type: 'string', default: 'native,undici' },
  },
});
const [rounds, requests, connections] = [values.rounds, values.requests, values.connections].map(Number) as [
  number,
  number,
  number,
];
const { createHttpUpstream } = (await import(
  join(resolve(values.tree), 'src/upstream/http.ts')
)) as typeof import('../src/upstream/http.ts');

/** Keeps so many requests under way until all are answered. */
function run(upstream: Upstream, body: string, total: number, connections: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let [begun, over] = [0, 0];
    const before = process.cpuUsage();
    const next = () => {
      if (begun === total) return;
      begun++;
      const request: HttpRequest = {
        method: 'POST',
        path: '/v1/chat/completions',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          authorization: `Bearer ${'k'.repeat(40)}`,
        },
        body,
      };
      upstream.send(request, {
        head() {},
        data() {},
        end() {
          next();
          if (++over < total) return;
          const { user, system } = process.cpuUsage(before);
          resolve((user + system) / total);
        },
        error: (kind, cause) => reject(new Error(kind, { cause })),
      });
    };
    for (let i = 0; i < connections; i++) next();
  });
}

/** nginx answers a POST with a file, where it may not, as the error page of that refusal. */
function nginx(port: number, type: string, answer: string): string[] {
  const folder = mkdtempSync(join(work, 'nginx-'));
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder};`);
  writeFileSync(join(folder, 'answer'), answer);
  writeFileSync(
    join(folder, 'nginx.conf'),
    `worker_processes 1; daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/log; events {}
http { access_log off; keepalive_requests 100000000; default_type ${type}; open_file_cache max=1; ${paths.join(' ')}
server { listen 127.0.0.1:${port}; root ${folder}; error_page 405 =200 /answer; } }`,
  );
  return ['nginx', '-c', join(folder, 'nginx.conf')];
}

/** One request that is answered. */
const check = (upstream: Upstream, body: string): Promise<void> => run(upstream, body, 1, 1).then(() => {});

const work = mkdtempSync(join(tmpdir(), 'llm-bridge-bench-'));
const cases = [
  ['JSON', 'application/json', jsonAnswer, jsonRequest],
  [`SSE, ${streamEvents.length} events at once`, 'text/event-stream', streamEvents.join(''), streamRequest],
] as const;
for (const [what, type, answer, body] of cases) {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await new Promise((listening) => probe.once('listening', listening));
  const { port } = probe.address() as net.AddressInfo;
  await new Promise((closed) => probe.close(closed));
  const server = startOn(Math.min(1, availableParallelism() - 1), nginx(port, type, answer));
  try {
    const clients = values.only.split(',').map((name) => ({
      name,
      upstream: createHttpUpstream({
        origin: `http://127.0.0.1:${port}`,
        connectTimeoutMs: 3_000,
        client: name === 'undici' ? name : 'native',
      }),
      times: [] as number[],
    }));
    for (const { upstream } of clients) {
      await until(server, () => check(upstream, body));
      await run(upstream, body, requests, connections);
    }
    for (let i = 0; i < rounds; i++) {
      for (const { upstream, times } of clients) times.push(await run(upstream, body, requests, connections));
    }
    for (const { name, upstream, times } of clients) {
      await upstream.close();
      times.sort((a, b) => a - b);
      const [least, median, most] = [0, times.length >> 1, times.length - 1].map((at) => times[at]?.toFixed(1));
      process.stdout.write(`${what}, ${name}: ${median} µs a request (${least} to ${most})\n`);
    }
  } finally {
    await server.stop();
  }
}
rmSync(work, { recursive: true, force: true });
