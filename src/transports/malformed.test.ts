import { once } from 'node:events';
import * as http from 'node:http';
import * as http2 from 'node:http2';
import { gzipSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ChatCompletionRequestSchema } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { chat, streamPath, unaryPath } from '../../test/support/chat.ts';
import { envelope, openPort, type Port, requestH2 } from '../../test/support/port.ts';

const maxRequestBytes = 20_000;
let port: Port;
let session: http2.ClientHttp2Session;
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
beforeAll(async () => {
  port = await openPort(chat({}), { maxRequestBytes });
  session = http2.connect(port.url);
});
afterAll(async () => {
  agent.destroy();
  session.close();
  await port.server.close();
});

/** A generator of repeatable numbers (mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}
type Random = ReturnType<typeof random>;
const bytes = (next: Random, length: number): Buffer => Buffer.from(Array.from({ length }, () => next(256)));

const good = toBinary(
  ChatCompletionRequestSchema,
  create(ChatCompletionRequestSchema, { model: 'some-model', user: 'someone', stop: ['a', 'b', 'c'] }),
);
const goodJson = Buffer.from(
  '{"model":"some-model","messages":[{"role":"ROLE_USER"}],"temperature":0.5,"stop":["a","b"]}',
);
/** Decompresses to more than the limit, and is itself far below it. */
const bomb = gzipSync(Buffer.alloc(maxRequestBytes * 20));

/** A message that no reader may take: tag 1, a string, with bytes that are no UTF-8. */
const badUtf8 = (next: Random): Buffer => Buffer.from([10, 4, 0x61, 0xc0 + next(2), 0xff, 0x62]);
/** Groups of field 100 opened and never closed, deeper than any message is. */
const deepBinary = (next: Random): Buffer => Buffer.from('a306'.repeat(200 + next(5_000)), 'hex');
const deepJson = (next: Random): Buffer => {
  const depth = 200 + next(5_000);
  return Buffer.from(`{"messages":${'['.repeat(depth)}${']'.repeat(depth)}}`);
};
const cutGzip = (next: Random): Buffer => {
  const whole = gzipSync(good);
  return whole.subarray(0, 1 + next(whole.length - 1));
};

interface Malformed {
  readonly body: Buffer;
  /** A content coding of the message, where it claims one. */
  readonly coding?: string;
}

/** What can be wrong with the bytes of a message, whatever carries it. */
const messages: Record<string, (next: Random) => Malformed> = {
  'bad UTF-8': (next) => ({ body: badUtf8(next) }),
  'nested too deep': (next) => ({ body: deepBinary(next) }),
  'a field cut short': (next) => ({ body: Buffer.from(good.subarray(0, 2 + next(8))) }),
  'not what it is compressed with': (next) => ({ body: bytes(next, 1 + next(300)), coding: 'gzip' }),
  'compressed and cut': (next) => ({ body: cutGzip(next), coding: 'gzip' }),
  'too large when decompressed': () => ({ body: bomb, coding: 'gzip' }),
  'too large': (next) => ({ body: Buffer.alloc(maxRequestBytes + 1 + next(100_000)) }),
  'of an unknown compression': () => ({ body: Buffer.from(good), coding: 'made-up' }),
};

/** What can be wrong with the envelopes around it. */
const envelopes: Record<string, (next: Random) => Malformed> = {
  'cut within its envelope': (next) => {
    const whole = envelope(good);
    return { body: whole.subarray(0, 1 + next(whole.length - 1)) };
  },
  'longer than any message may be': (next) => ({ body: Buffer.from([0, 1 + next(255), 0, 0, 0, 1, 2, 3]) }),
  'compressed with nothing': () => ({ body: envelope(gzipSync(good), 1) }),
  'two where one is due': () => ({ body: Buffer.concat([envelope(good), envelope(good)]) }),
  'none where one is due': () => ({ body: Buffer.alloc(0) }),
};

const json: Record<string, (next: Random) => Malformed> = {
  'JSON cut short': (next) => ({ body: goodJson.subarray(0, next(goodJson.length)) }),
  'JSON of a wrong type': (next) => ({
    body: Buffer.from(['[]', '1', 'null', '"x"', '{"model":1}', '{"stop":{}}', '{"temperature":"hot"}'][next(7)] ?? ''),
  }),
  'JSON nested too deep': (next) => ({ body: deepJson(next) }),
  'JSON with bad UTF-8': (next) => ({
    body: Buffer.concat([Buffer.from('{"model":"'), Buffer.from([0xc0 + next(2), 0xff]), Buffer.from('"}')]),
  }),
};

/** How each protocol is spoken, and where it tells the code of an error. */
interface Lane {
  readonly name: string;
  readonly path: string;
  readonly type: string;
  readonly codingHeader: string;
  readonly enveloped: boolean;
  readonly version: 1 | 2;
}
const grpc = { type: 'application/grpc', codingHeader: 'grpc-encoding', enveloped: true } as const;
const web = { type: 'application/grpc-web+proto', codingHeader: 'grpc-encoding', enveloped: true } as const;
const stream = {
  type: 'application/connect+proto',
  codingHeader: 'connect-content-encoding',
  enveloped: true,
} as const;
const binary: readonly Lane[] = [
  { name: 'gRPC', path: unaryPath, version: 2, ...grpc },
  { name: 'gRPC stream', path: streamPath, version: 2, ...grpc },
  { name: 'gRPC-web/1.1', path: unaryPath, version: 1, ...web },
  { name: 'gRPC-web/2', path: streamPath, version: 2, ...web },
  { name: 'Connect stream', path: streamPath, version: 1, ...stream },
  {
    name: 'Connect',
    path: unaryPath,
    version: 1,
    type: 'application/proto',
    codingHeader: 'content-encoding',
    enveloped: false,
  },
];
const jsonLanes: readonly Lane[] = [
  {
    name: 'Connect JSON',
    path: unaryPath,
    version: 1,
    type: 'application/json',
    codingHeader: 'content-encoding',
    enveloped: false,
  },
  { ...binary[0], name: 'gRPC JSON', type: 'application/grpc+json' } as Lane,
  { ...binary[4], name: 'Connect stream JSON', type: 'application/connect+json' } as Lane,
];

/** The code that the caller is told, as its protocol names it; '' if it is told none. */
async function send(lane: Lane, { body, coding }: Malformed, framed: boolean): Promise<string> {
  const payload = framed ? envelope(body, coding === undefined ? 0 : 1) : body;
  const headers = { 'content-type': lane.type, ...(coding === undefined ? {} : { [lane.codingHeader]: coding }) };
  if (lane.version === 2) {
    const reply = await requestH2(session, { ':path': lane.path, ...headers }, payload);
    return codeOf(reply.trailers['grpc-status'] ?? reply.headers['grpc-status'], reply.body);
  }
  const request = http.request(`${port.url}${lane.path}`, { agent, method: 'POST', headers });
  request.end(payload);
  const [reply] = (await once(request, 'response')) as [http.IncomingMessage];
  const chunks: Buffer[] = [];
  reply.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(reply, 'end');
  return codeOf(undefined, Buffer.concat(chunks));
}

function codeOf(status: unknown, body: Buffer): string {
  if (status !== undefined) return String(status);
  const text = body.toString('latin1');
  return /grpc-status: (\d+)/.exec(text)?.[1] ?? /"code":"(\w+)"/.exec(text)?.[1] ?? '';
}

/** INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNIMPLEMENTED; INTERNAL for a compressed message without grpc-encoding only. */
const typed = new Set(['3', '8', '12', 'invalid_argument', 'resource_exhausted', 'unimplemented']);

it('types 1,000 malformed requests and serves on', { timeout: 60_000 }, async () => {
  const next = random(20_26);
  const cases: { lane: Lane; kind: string; malformed: Malformed; framed: boolean }[] = [];
  const all = [
    ...binary.flatMap((lane) => [
      ...Object.entries(messages).map(([kind, make]) => ({ lane, kind, make, framed: lane.enveloped })),
      ...(lane.enveloped ? Object.entries(envelopes) : []).map(([kind, make]) => ({ lane, kind, make, framed: false })),
    ]),
    ...jsonLanes.flatMap((lane) =>
      Object.entries(json).map(([kind, make]) => ({ lane, kind, make, framed: lane.enveloped })),
    ),
  ];
  for (let index = 0; cases.length < 1_000; index++) {
    const { lane, kind, make, framed } = all[index % all.length] ?? expect.fail('no cases');
    cases.push({ lane, kind, malformed: make(next), framed });
  }

  const untyped: string[] = [];
  for (let at = 0; at < cases.length; at += 20) {
    await Promise.all(
      cases.slice(at, at + 20).map(async ({ lane, kind, malformed, framed }) => {
        const code = await send(lane, malformed, framed);
        const allowed = typed.has(code) || (kind === 'compressed with nothing' && /^(?:13|internal)$/.test(code));
        if (!allowed) untyped.push(`${lane.name}, ${kind}: ${code}, ${malformed.body.subarray(0, 40).toString('hex')}`);
      }),
    );
  }
  expect([...new Set(untyped)]).toEqual([]);

  await port.whenEnded(1_000);
  const reasons = new Set(port.ended.map(({ fault }) => fault?.reason));
  expect([...reasons].sort()).toEqual(['BODY_INVALID', 'MEDIA_TYPE_UNSUPPORTED', 'TOO_LARGE']);
  for (const { fault } of port.ended) expect(fault?.message).not.toContain('some-model');

  const reply = await requestH2(session, { ':path': unaryPath, 'content-type': 'application/json' }, '{"model":"m"}');
  expect(reply.body.toString()).toBe('{"id":"m"}');
});
