import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { authorization } from './gateway.ts';
import { checkGrpc, checkHttp, h2load, type Load, type LoadMaker, readStreams, wrk } from './load.ts';
import { framed, jsonAnswer, jsonRequest, requestOfSize, streamEvents, streamRequest } from './payload.ts';
import {
  type Bench,
  type GrpcForm,
  startAll,
  startGateway,
  startWithAndWithoutLanes,
  type Target,
} from './programs.ts';
import { webScenarios } from './web.ts';

/** What an upstream says to all. */
export type Upstream = 'whole' | 'burst' | 'paced';

/** One thing that is measured. */
export interface Scenario {
  /** Its name on the command line. */
  readonly part: string;
  /** The heading of its table. */
  readonly title: string;
  readonly upstream: Upstream;
  /** What a paced upstream sends: chunks, and milliseconds between them. */
  readonly pace?: Pace;
  /** What is measured; all stands, gateways alone where nothing else has the thing. */
  targets(bench: Bench, upstream: number): Promise<readonly Target[]>;
  /** Rejects unless the target does what is measured. */
  check(target: Target): Promise<void>;
  /** Calls `mark` when the measurement begins and when it ends, where that is not when the load does. */
  run(target: Target, maker: LoadMaker, seconds: number, mark: () => void): Promise<Load>;
}

export const answers: Readonly<Record<Upstream, string>> = {
  whole: jsonAnswer,
  burst: streamEvents.join(''),
  paced: '',
};

/** How the chunks of a stream come, in milliseconds. */
export interface Pace {
  readonly chunks: number;
  readonly every: number;
}

const usualPace: Pace = { chunks: 40, every: 25 };

/** Each stream needs two of the gateway's descriptors, of which the system may give fewer than 20,000 and some. */
const mostStreams = Math.floor((Number(spawnSync('sh', ['-c', 'ulimit -Hn']).stdout.toString()) - 200) / 2) || 10_000;

const path = '/v1/chat/completions';
const withJson = async (bench: Bench, upstream: number) => (await startAll(bench, upstream)).filter(({ json }) => json);
const withGrpc = async (bench: Bench, upstream: number) => {
  const [all, kept] = [await startAll(bench, upstream), [] as Target[]];
  for (const target of all) {
    if (target.grpc !== undefined) kept.push(target);
    else await target.program.stop();
  }
  return kept;
};

function grpcOf({ name, grpc }: Target): GrpcForm {
  if (grpc === undefined) throw new Error(`${name} has no gRPC`);
  return grpc;
}

const checkJson = ({ port }: Target) => checkHttp(port, jsonRequest, 'chatcmpl', authorization);
const checkSse = ({ port }: Target) => checkHttp(port, streamRequest, '[DONE]', authorization);
const checkUnary = (target: Target) => {
  const { path: method, message } = grpcOf(target);
  return checkGrpc(target.port, method, framed(message), authorization);
};
const checkStream = (whole: boolean) => (target: Target) => {
  const { streamPath, streamMessage } = grpcOf(target);
  return checkGrpc(target.port, streamPath, framed(streamMessage), authorization, whole);
};

const json = (part: string, connections: number): Scenario => ({
  part,
  title: `JSON, ${connections} connections`,
  upstream: 'whole',
  targets: withJson,
  check: checkJson,
  run: ({ port }, maker, seconds) => wrk(maker, port, jsonRequest, connections, seconds),
});

const prompt = (part: string, bytes: number): Scenario => ({
  part,
  title: `JSON, prompts of ${bytes >= 1e6 ? `${bytes / 1e6} MB` : `${bytes / 1e3} KB`}, 16 connections`,
  upstream: 'whole',
  targets: withJson,
  check: checkJson,
  run: ({ port }, maker, seconds) => wrk(maker, port, requestOfSize(bytes), 16, seconds),
});

const grpc = (part: string, connections: number, streams: number): Scenario => ({
  part,
  title: `gRPC, ${connections} connections of ${streams} streams`,
  upstream: 'whole',
  targets: withGrpc,
  check: checkUnary,
  run: (target, maker, seconds) => h2load(maker, unaryLoad(target, connections, streams, seconds)),
});

const unaryLoad = (target: Target, connections: number, streams: number, seconds: number) => {
  const { path: method, message } = grpcOf(target);
  const what = { port: target.port, path: method, body: framed(message), contentType: 'application/grpc' };
  return { ...what, connections, streams, seconds };
};

const pacedTitle = (kind: string, streams: number, { every }: Pace) =>
  `${kind}, a chunk every ${every >= 1_000 ? `${every / 1_000} s` : `${every} ms`}, ${streams} streams: per chunk`;

const pacedSse = (part: string, wanted: number, pace = usualPace): Scenario => {
  const streams = Math.min(wanted, mostStreams);
  return {
    ...{ part, title: pacedTitle('SSE', streams, pace), upstream: 'paced', pace },
    targets: withJson,
    check: ({ port }) => checkHttp(port, streamRequest, 'data:', authorization),
    run({ port }, maker, seconds, mark) {
      const where = `http://127.0.0.1:${port}${path}`;
      const environment = { BODY: streamRequest };
      return readStreams(maker, { mode: 'read-sse', where, streams, seconds, environment, mark });
    },
  };
};

const pacedGrpc = (part: string, wanted: number, pace = usualPace): Scenario => {
  const streams = Math.min(wanted, mostStreams);
  return {
    ...{ part, title: pacedTitle('gRPC', streams, pace), upstream: 'paced', pace },
    targets: withGrpc,
    check: checkStream(false),
    run(target, maker, seconds, mark) {
      const { streamPath, streamMessage } = grpcOf(target);
      const file = join(maker.folder, 'message');
      writeFileSync(file, streamMessage);
      const environment = { METHOD: streamPath, MESSAGE: file };
      const where = `127.0.0.1:${target.port}`;
      return readStreams(maker, { mode: 'read-grpc', where, streams, seconds, environment, mark });
    },
  };
};

const burstSse: Scenario = {
  part: 'sse-burst',
  title: 'SSE, 40 chunks at once, 64 connections: per stream',
  upstream: 'burst',
  targets: withJson,
  check: checkSse,
  run: ({ port }, maker, seconds) => wrk(maker, port, streamRequest, 64, seconds),
};

/** A scenario of the gateways, over either client that asks the provider. */
const overBothClients = (part: string, { title, upstream, check, run }: Scenario): Scenario => ({
  ...{ part, title: `${title}: by HTTP client`, upstream, check, run },
  targets: (bench, port) =>
    Promise.all(
      [...bench.gateways].flatMap(([name, main]) =>
        ['native', 'undici'].map((httpClient) =>
          startGateway(bench, `${name}, ${httpClient}`, main, port, { lanes: true, limits: 'memory', httpClient }),
        ),
      ),
    ),
});

/** Latency where the machine is not saturated: so many requests a second, over HTTP/1.1. */
const atRate = (part: string, rate: number): Scenario => ({
  part,
  title: `JSON at ${rate} requests a second, 64 connections`,
  upstream: 'whole',
  targets: withJson,
  check: checkJson,
  run: ({ port }, maker, seconds) =>
    h2load(maker, {
      ...{ port, path, body: jsonRequest, contentType: 'application/json', http1: true },
      ...{ connections: 64, streams: 1, seconds, rate },
    }),
});

// As many chunks a second of a hundred streams as of ten thousand: what differs is how many there are.
const tenMilliseconds: Pace = { chunks: 60_000, every: 10 };
const oneSecond: Pace = { chunks: 600, every: 1_000 };

export const scenarios: readonly Scenario[] = [
  json('json', 64),
  json('json-256', 256),
  atRate('json-rate', 2_000),
  prompt('prompt-1k', 1_000),
  prompt('prompt-100k', 100_000),
  prompt('prompt-2m', 2_000_000),
  grpc('grpc-8x8', 8, 8),
  grpc('grpc-64x1', 64, 1),
  grpc('grpc-256x1', 256, 1),
  {
    part: 'lanes',
    title: 'gRPC, 8 connections of 8 streams, lanes on and off',
    upstream: 'whole',
    targets: startWithAndWithoutLanes,
    check: checkUnary,
    run: (target, maker, seconds) => h2load(maker, unaryLoad(target, 8, 8, seconds)),
  },
  {
    part: 'limits',
    title: 'JSON, 64 connections: limits none, in memory, in Redis',
    upstream: 'whole',
    async targets(bench, upstream) {
      const { redis } = bench;
      const kinds = ['none', 'memory', ...(redis === undefined ? [] : (['redis'] as const))] as const;
      return Promise.all(
        [...bench.gateways].flatMap(([name, main]) =>
          kinds.map((limits) => {
            const store = limits === 'redis' && redis !== undefined ? { redis } : {};
            return startGateway(bench, `${name}, ${limits}`, main, upstream, { lanes: true, limits, ...store });
          }),
        ),
      );
    },
    check: checkJson,
    run: ({ port }, maker, seconds) => wrk(maker, port, jsonRequest, 64, seconds),
  },
  ...webScenarios,
  burstSse,
  overBothClients('clients', json('json', 64)),
  overBothClients('clients-burst', burstSse),
  overBothClients('clients-paced', pacedSse('sse-128', 128)),
  {
    part: 'grpc-burst',
    title: 'gRPC stream, 40 chunks at once, 8 connections of 8 streams: per stream',
    upstream: 'burst',
    targets: withGrpc,
    check: checkStream(true),
    run(target, maker, seconds) {
      const { streamPath, streamMessage } = grpcOf(target);
      const what = { port: target.port, path: streamPath, body: framed(streamMessage) };
      return h2load(maker, { ...what, contentType: 'application/grpc', connections: 8, streams: 8, seconds });
    },
  },
  pacedSse('sse-32', 32),
  pacedSse('sse-128', 128),
  pacedSse('sse-512', 512),
  pacedGrpc('grpc-paced-512', 512),
  pacedSse('sse-100', 100, tenMilliseconds),
  pacedSse('sse-10000', 10_000, oneSecond),
  pacedGrpc('grpc-paced-100', 100, tenMilliseconds),
  pacedGrpc('grpc-paced-10000', 10_000, oneSecond),
];
