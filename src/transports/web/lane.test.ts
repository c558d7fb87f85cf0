import { once } from 'node:events';
import * as http from 'node:http';
import * as http2 from 'node:http2';
import * as net from 'node:net';
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { ChatCompletionRequestSchema } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { chat, chunk, response, type Stream, streamPath, type Unary, unaryPath } from '../../../test/support/chat.ts';
import { envelope, openPort, type Port, requestH2, sendRaw } from '../../../test/support/port.ts';
import { Fault, invalidField } from '../../kernel/fault.ts';
import type { ServerOptions } from '../parts.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
}
type Headers = Readonly<Record<string, string>>;
type Ask = (path: string, headers: Headers, body: Uint8Array | string) => Promise<Reply>;

/** A server, and how it is asked over either version. */
async function open(methods: { unary?: Unary; stream?: Stream } = {}, options: Partial<ServerOptions> = {}) {
  const port: Port = await openPort(chat(methods), options);
  closing.push(() => port.server.close());
  const session = http2.connect(port.url);
  session.on('error', () => {});
  const agent = new http.Agent({ keepAlive: true });
  closing.push(() => {
    session.destroy();
    agent.destroy();
  });
  const ways: Record<string, Ask> = {
    'HTTP/2': async (path, headers, body) => {
      const reply = await requestH2(session, { ':path': path, ...headers }, body);
      return { status: Number(reply.headers[':status']), headers: reply.headers, body: reply.body };
    },
    'HTTP/1.1': async (path, headers, body) => {
      const request = http.request(`${port.url}${path}`, { agent, method: 'POST', headers });
      request.end(body);
      const [reply] = (await once(request, 'response')) as [http.IncomingMessage];
      const pieces: Buffer[] = [];
      for await (const piece of reply) pieces.push(piece as Buffer);
      return { status: reply.statusCode ?? 0, headers: reply.headers, body: Buffer.concat(pieces) };
    },
  };
  return { port, ways };
}

const versions = ['HTTP/2', 'HTTP/1.1'];
const unaryTypes = ['application/json', 'application/proto'];
const streamTypes = ['application/connect+json', 'application/connect+proto'];
const webTypes = ['application/grpc-web', 'application/grpc-web+json', 'application/grpc-web-text'];

const isJson = (type: string): boolean => type.endsWith('json');
const isWeb = (type: string): boolean => type.startsWith('application/grpc-web');
const message = (type: string, model: string): Buffer =>
  isJson(type)
    ? Buffer.from(JSON.stringify({ model }))
    : Buffer.from(toBinary(ChatCompletionRequestSchema, create(ChatCompletionRequestSchema, { model })));
const inBase64 = (text: string): Buffer =>
  Buffer.concat((text.match(/[^=]+=*/g) ?? []).map((part) => Buffer.from(part, 'base64')));

const headerNames = (type: string) => {
  if (isWeb(type)) return { coding: 'grpc-encoding', accept: 'grpc-accept-encoding', timeout: 'grpc-timeout' };
  const prefix = type.includes('connect+') ? 'connect-' : '';
  return { coding: `${prefix}content-encoding`, accept: `${prefix}accept-encoding`, timeout: 'connect-timeout-ms' };
};

const compress = { gzip: gzipSync, br: brotliCompressSync };
const plain = (bytes: Buffer, coding: unknown): Buffer => {
  if (coding === 'gzip') return gunzipSync(bytes);
  return coding === 'br' ? brotliDecompressSync(bytes) : bytes;
};

/** Of each reply another, or a matter of the connection. */
const passing = new Set([
  ...['date', 'x-request-id', 'traceparent', 'connection', 'keep-alive'],
  ...['content-length', 'transfer-encoding'],
]);

/** What a reply says, apart from how its bytes are cut, compressed and escaped. */
function meaning({ status, headers, body }: Reply, type: string): object {
  const kept = Object.entries(headers).filter(([name]) => !passing.has(name));
  const { coding } = headerNames(type);
  const told = { status, headers: Object.fromEntries(kept) };
  if (unaryTypes.includes(type)) {
    const bytes = plain(body, headers['content-encoding']);
    const asJson = headers['content-type'] === 'application/json';
    return { ...told, body: asJson ? JSON.parse(bytes.toString()) : bytes.toString('hex') };
  }
  const frames: object[] = [];
  let rest = type.endsWith('text') ? inBase64(body.toString()) : body;
  while (rest.length > 0) {
    const [flags = 0, end] = [rest[0], 5 + rest.readUInt32BE(1)];
    const payload = plain(rest.subarray(5, end), (flags & 1) === 1 ? headers[coding] : undefined).toString();
    frames.push({ flags, payload: flags > 1 ? endOf(payload, type) : payload });
    rest = rest.subarray(end);
  }
  return { ...told, frames };
}

function endOf(payload: string, type: string): unknown {
  if (!isWeb(type)) return JSON.parse(payload);
  const lines = payload.split('\r\n').filter((line) => line !== '');
  const pairs = lines.map((line): [string, string] => [
    line.slice(0, line.indexOf(': ')),
    line.slice(line.indexOf(': ') + 2),
  ]);
  return Object.fromEntries(pairs.map(([name, value]) => [name, decodeURIComponent(value)]));
}

/** The same server twice: by this lane, and by connect-es. */
async function both(methods: { unary?: Unary; stream?: Stream } = {}, options: Partial<ServerOptions> = {}) {
  const [lane, reference] = [await open(methods, options), await open(methods, { ...options, lanes: false })];
  let asked = 0;
  return async (version: string, path: string, headers: Headers, body: Uint8Array | string): Promise<object> => {
    const replies = await Promise.all([lane, reference].map(({ ways }) => ways[version]?.(path, headers, body)));
    asked++;
    await Promise.all([lane.port.whenEnded(asked), reference.port.whenEnded(asked)]);
    const type = headers['content-type'] ?? '';
    const [ours, theirs] = replies.map((reply) => (reply === undefined ? {} : meaning(reply, type)));
    expect(ours).toEqual(theirs);
    const ends = [lane, reference].map(({ port }) => {
      const { call, fault } = port.ended.at(-1) ?? {};
      return [call?.method, call?.protocol, call?.streaming, fault?.reason, fault?.message];
    });
    expect(ends[0]).toEqual(ends[1]);
    return ours ?? {};
  };
}

const everyKind: [path: string, type: string][] = [
  ...[...unaryTypes, ...webTypes].map((type): [string, string] => [unaryPath, type]),
  ...[...streamTypes, ...webTypes].map((type): [string, string] => [streamPath, type]),
];
const bodyOf = (type: string, bytes: Buffer, flags = 0): Buffer => {
  if (unaryTypes.includes(type)) return bytes;
  const whole = envelope(bytes, flags);
  return type.endsWith('text') ? Buffer.from(whole.toString('base64')) : whole;
};

describe.each(versions)('over %s', (version) => {
  it('says what connect-es says, of any request', { timeout: 120_000 }, async () => {
    const ask = await both({}, { maxRequestBytes: 1_500 });
    const text = fc.oneof(fc.string({ maxLength: 40 }), fc.constantFrom('word '.repeat(280), 'word '.repeat(400)));
    const kind = fc.constantFrom('whole', 'whole', 'compressed', 'odd', 'twice', 'short', 'bad utf-8');
    const coding = fc.constantFrom(undefined, undefined, 'gzip', 'identity', 'br', 'made-up', '');
    const accept = fc.constantFrom(undefined, undefined, 'gzip', 'snappy, br', 'deflate', '', 'br;q=1, gzip');
    const timeout = fc.constantFrom(undefined, undefined, undefined, '10000', '10S', '-1', '12345678901', 'x');
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...everyKind),
        fc.record({ text, kind, coding, accept, timeout, noise: fc.uint8Array({ maxLength: 30 }) }),
        async ([path, type], made) => {
          const names = headerNames(type);
          const bytes = message(type, made.text);
          const bodies: Record<typeof made.kind, () => Buffer> = {
            whole: () => bodyOf(type, bytes),
            compressed: () => bodyOf(type, compress[made.coding === 'br' ? 'br' : 'gzip'](bytes), 1),
            odd: () => bodyOf(type, Buffer.from(made.noise), made.noise.length % 2),
            twice: () => {
              const two = Buffer.concat([envelope(bytes), envelope(bytes)]);
              return type.endsWith('text') ? Buffer.from(two.toString('base64')) : two;
            },
            // Right after its prefix it would be no message to connect-es.
            short: () => bodyOf(type, Buffer.alloc(40)).subarray(0, 20),
            'bad utf-8': () => bodyOf(type, Buffer.from([0x7b, 0xff, 0x7d])),
          };
          const headers = {
            'content-type': type,
            ...(made.coding !== undefined && { [names.coding]: made.coding }),
            ...(made.accept !== undefined && { [names.accept]: made.accept }),
            ...(made.timeout !== undefined && { [names.timeout]: made.timeout }),
          };
          await ask(version, path, headers, bodies[made.kind]());
        },
      ),
      { numRuns: 400 },
    );
  });

  it.each(everyKind)('tells faults, headers and trailers as connect-es does: %s, %s', async (path, type) => {
    const unary: Unary = async (call, { model }, reply) => {
      call.replyHeaders['x-lead'] = 'l';
      call.replyTrailers = { 'x-trail-bin': 'AAEC' };
      if (model === 'fault') throw invalidField('messages[0]', 'is bad – 100 %');
      if (model === 'error') throw new Error('secret');
      if (model === 'long') throw new Fault('RATE_LIMITED', 'slower', { metadata: { tier: 'x'.repeat(3_000) } });
      if (model !== 'none') reply.message(response(model.repeat(200)));
    };
    const stream: Stream = async (call, { model }, reply) => {
      call.replyHeaders['x-lead'] = 'l';
      call.replyTrailers = { 'x-trail-bin': 'AAEC' };
      if (model !== 'none') for (const id of model) reply.message(chunk(id));
      if (model === 'fault') throw invalidField('messages[0]', 'is bad – 100 %');
      if (model === 'error') throw new Error('secret');
      if (model === 'long') throw new Fault('RATE_LIMITED', 'slower', { retryAfterMs: 1_500 });
    };
    const ask = await both({ unary, stream });
    for (const model of ['fine', 'fault', 'error', 'long', 'none']) {
      const body = bodyOf(type, message(type, model));
      for (const accept of ['identity', 'gzip']) {
        const headers = { 'content-type': type, [headerNames(type).accept]: accept, origin: 'https://a.example' };
        const said = JSON.stringify(await ask(version, path, headers, body));
        expect(said).toContain('x-trail-bin');
        expect(said).toContain('"x-lead":"l"');
        expect(said).not.toContain('secret');
      }
    }
  });
});

it('serves every kind of call by itself, not by connect-es', async () => {
  const { port, ways } = await open();
  for (const version of versions) {
    for (const [path, type] of everyKind) {
      const reply = await ways[version]?.(path, { 'content-type': type }, bodyOf(type, message(type, 'ab')));
      // Known whole, an answer has its length, which connect-es tells of Connect's unary ones alone.
      if (path === unaryPath) expect(reply?.headers['content-length']).toBe(String(reply?.body.length));
    }
  }
  expect(port.ended.every(({ fault }) => fault === undefined)).toBe(true);
});

it('compresses answers of any size for who takes that', async () => {
  const text = 'many words '.repeat(20_000);
  const { ways } = await open({ unary: async (_call, _request, reply) => void reply.message(response(text)) });
  for (const coding of ['gzip', 'br']) {
    const headers = { 'content-type': 'application/json', 'accept-encoding': coding };
    const reply = await ways['HTTP/1.1']?.(unaryPath, headers, '{}');
    expect(reply?.headers['content-encoding']).toBe(coding);
    expect(reply?.body.length).toBeLessThan(text.length / 20);
    expect(JSON.parse(plain(reply?.body ?? Buffer.alloc(0), coding).toString()).id).toBe(text);
  }
});

it('lets no trailer of gRPC-web be two', async () => {
  const stream: Stream = async (call) => {
    call.replyTrailers = { 'x-from-provider': 'a\r\ngrpc-status: 0' };
    throw new Fault('INTERNAL', 'internal error');
  };
  const { ways } = await open({ stream });
  const reply = await ways['HTTP/1.1']?.(
    streamPath,
    { 'content-type': 'application/grpc-web' },
    envelope(Buffer.alloc(0)),
  );
  expect(reply?.body.toString()).toContain('x-from-provider: a grpc-status: 0\r\ngrpc-status: 13\r\n');
});

it('writes what comes in one turn in one piece, over HTTP/1.1 in one chunk', async () => {
  const stream: Stream = async (_call, { model }, reply) => {
    for (const id of model) reply.message(chunk(id));
    await new Promise((resolve) => setImmediate(resolve));
  };
  const { port } = await open({ stream });
  const body = envelope(message('', 'abcdef'));
  const head = `POST ${streamPath} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: ${body.length}\r\n`;
  const answer = await sendRaw(port.port, `${head}content-type: application/grpc-web\r\n\r\n`, body);
  const frames = [...'abcdef'].map((id) => `\0\0\0\0\x03\n\x01${id}`).join('');
  expect(answer).toContain(`\r\n\r\n${frames.length.toString(16)}\r\n${frames}\r\n`);
  expect(answer).toMatch(/grpc-status: 0\r\n\r\n0\r\n\r\n$/);
});

describe.each([true, false])('a caller (lanes %s)', (lanes) => {
  const half = (path: string, type: string) =>
    `POST ${path} HTTP/1.1\r\nhost: a\r\ncontent-type: ${type}\r\ncontent-length: 20\r\n\r\n{"`;

  it('that does not send on is told so', async () => {
    const { port } = await open({}, { lanes, requestTimeoutMs: 80, headersTimeoutMs: 50 });
    const socket = net.connect(port.port, '127.0.0.1');
    closing.push(() => socket.destroy());
    socket.write(half(unaryPath, 'application/json'));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 504 .*"code":"deadline_exceeded"/s);
    await port.whenEnded(1);
    expect(port.ended[0]?.fault?.reason).toBe('CALLER_TIMEOUT');
  });

  it.each(['application/connect+json', 'application/grpc-web-text'])(
    'that goes before its request is whole, or amid its answer, ends the call: %s',
    async (type) => {
      const stream: Stream = (call, _request, reply) => {
        reply.message(chunk('a'));
        return new Promise((_resolve, reject) => void call.cancellation.onCancel(reject));
      };
      const { port } = await open({ stream }, { lanes });
      const early = net.connect(port.port, '127.0.0.1');
      early.write(half(streamPath, type));
      await port.whenBegun(1);
      early.resetAndDestroy();
      await port.whenEnded(1);
      const body = bodyOf(type, message(type, 'm'));
      const request = http.request(`${port.url}${streamPath}`, { method: 'POST', headers: { 'content-type': type } });
      request.on('error', () => {});
      request.end(body);
      const [reply] = (await once(request, 'response')) as [http.IncomingMessage];
      await once(
        reply.on('error', () => {}),
        'data',
      );
      request.destroy();
      await port.whenEnded(2);
      expect(port.ended.map(({ fault }) => fault?.reason)).toEqual(['CANCELLED', 'CANCELLED']);
      expect(port.server.inFlight).toBe(0);
    },
  );
});
