import { once } from 'node:events';
import * as http2 from 'node:http2';
import { brotliCompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import {
  ChatCompletionRequestSchema,
  ChatCompletionResponseSchema,
} from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { chat, chunk, response, type Stream, streamPath, type Unary, unaryPath } from '../../../test/support/chat.ts';
import { envelope, type H2Reply, openPort, type Port, requestH2 } from '../../../test/support/port.ts';
import type { Call } from '../../kernel/call.ts';
import type { Fault } from '../../kernel/fault.ts';
import type { ServerOptions } from '../parts.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function open(
  methods: { unary?: Unary; stream?: Stream } = {},
  options: Partial<ServerOptions> = {},
): Promise<{ port: Port; session: http2.ClientHttp2Session }> {
  const port = await openPort(chat(methods), options);
  closing.push(() => port.server.close());
  const session = http2.connect(port.url);
  session.on('error', () => {});
  closing.push(() => session.destroy());
  return { port, session };
}

const type = { 'content-type': 'application/grpc' };
const request = (model: string): Uint8Array =>
  toBinary(ChatCompletionRequestSchema, create(ChatCompletionRequestSchema, { model }));
const idOf = ({ body }: H2Reply): string => fromBinary(ChatCompletionResponseSchema, body.subarray(5)).id;
const statusOf = ({ trailers, headers }: H2Reply) => trailers['grpc-status'] ?? headers['grpc-status'];

/** Sends a body in pieces, each in frames of its own. */
async function send(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  pieces: readonly Uint8Array[],
): Promise<H2Reply> {
  const stream = session.request({ ':method': 'POST', ...type, ...headers });
  const chunks: Buffer[] = [];
  let head: http2.IncomingHttpHeaders = {};
  let trailers: http2.IncomingHttpHeaders = {};
  stream.once('response', (got) => {
    head = got;
  });
  stream.once('trailers', (got) => {
    trailers = got;
  });
  stream.on('data', (piece: Buffer) => chunks.push(piece));
  stream.on('error', () => {});
  const closed = once(stream, 'close');
  for (const piece of pieces) {
    if (stream.closed) break;
    stream.write(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  stream.end();
  await closed;
  return { headers: head, trailers, body: Buffer.concat(chunks), rst: stream.rstCode ?? 0 };
}

function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end));
}

describe('a request', () => {
  it('is answered alike however it is split', async () => {
    const { session } = await open();
    await fc.assert(
      fc.asyncProperty(
        fc.string({ maxLength: 2_000 }),
        fc.array(fc.nat(), { maxLength: 6 }),
        fc.boolean(),
        async (model, cuts, compressed) => {
          const bytes = compressed ? envelope(gzipSync(request(model)), 1) : envelope(request(model));
          const headers = { ':path': unaryPath, ...(compressed && { 'grpc-encoding': 'gzip' }) };
          const reply = await send(session, headers, split(bytes, cuts));
          expect(statusOf(reply)).toBe('0');
          const plain = reply.body[0] === 1 ? envelope(gunzipSync(reply.body.subarray(5))) : reply.body;
          expect(idOf({ ...reply, body: plain })).toBe(model);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('of any bytes gets the code that connect-es gives', { timeout: 60_000 }, async () => {
    const [lane, reference] = [
      await open({}, { maxRequestBytes: 500 }),
      await open({}, { maxRequestBytes: 500, lanes: false }),
    ];
    const message = fc.oneof(
      fc.string({ maxLength: 600 }).map(request),
      fc.uint8Array({ maxLength: 40 }),
      fc.string({ maxLength: 5_000 }).map((text) => gzipSync(request(text))),
    );
    const body = fc.oneof(
      message.map((bytes) => envelope(bytes)),
      message.map((bytes) => envelope(bytes, 1)),
      // A prefix alone is a message cut short to us, and no message to connect-es.
      fc
        .tuple(message, fc.nat(50))
        .map(([bytes, lost]) => envelope(bytes).subarray(0, -1 - lost))
        .filter(({ length }) => length !== 5),
      fc
        .tuple(fc.string(), fc.string())
        .map(([one, two]) => [request(one), request(two)] as const)
        .map(([one, two]) => Buffer.concat([envelope(one), envelope(two)])),
    );
    const coding = fc.constantFrom(undefined, 'gzip', 'identity', 'br', 'made-up');
    const timeout = fc.constantFrom(undefined, '10S', '10', '-1S', '123456789S', '5x');
    await fc.assert(
      fc.asyncProperty(body, coding, timeout, fc.boolean(), async (bytes, encoding, deadline, stream) => {
        const headers = {
          ':path': stream ? streamPath : unaryPath,
          ...(encoding && { 'grpc-encoding': encoding }),
          ...(deadline && { 'grpc-timeout': deadline }),
        };
        const [ours, theirs] = await Promise.all([
          requestH2(lane.session, { ...type, ...headers }, bytes),
          requestH2(reference.session, { ...type, ...headers }, bytes),
        ]);
        expect(statusOf(ours)).toBe(statusOf(theirs));
        expect(ours.rst).toBe(0);
      }),
      { numRuns: 300 },
    );
    await lane.port.whenEnded(reference.port.ended.length);
    const reasons = ({ port }: typeof lane) => port.ended.map(({ fault }) => fault?.reason ?? '').sort();
    expect(reasons(lane)).toEqual(reasons(reference));
  });

  it('that is refused unread gets its status in the one head, at the end of the stream', async () => {
    const { session } = await open();
    const stream = session.request({ ':method': 'POST', ':path': unaryPath, ...type, 'grpc-timeout': 'soon' });
    stream.end();
    const [headers, flags] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders, number];
    expect(headers).toMatchObject({ ':status': 200, 'content-type': 'application/grpc+proto', 'grpc-status': '3' });
    expect(headers['grpc-status-details-bin']).toMatch(/^[\w+/]+$/);
    expect(flags & http2.constants.NGHTTP2_FLAG_END_STREAM).toBeTruthy();
    stream.resume();
    await once(stream, 'close');
  });

  it('brings its metadata, and takes trailing metadata home', async () => {
    const { port, session } = await open({
      unary: async (call, _request, reply) => {
        call.replyHeaders['x-lead'] = 'l';
        call.replyTrailers = { 'x-trail-bin': 'AAEC' };
        reply.message(response('x'));
      },
    });
    const headers = { ':path': unaryPath, ...type, 'x-some-bin': 'AQID', 'x-two': ['a', 'b'] };
    const reply = await requestH2(session, headers, envelope(request('m')));
    expect(reply.headers).toMatchObject({ 'x-lead': 'l', 'x-request-id': expect.any(String) });
    expect(reply.trailers).toMatchObject({ 'x-trail-bin': 'AAEC', 'grpc-status': '0' });
    expect(port.begun[0]?.headers).toMatchObject({ 'x-some-bin': 'AQID', 'x-two': 'a, b' });
  });
});

describe('compression', () => {
  const long = 'many words '.repeat(300);
  const codings = { gzip: gzipSync, br: brotliCompressSync };

  it.each(['gzip', 'br'] as const)('takes %s, and answers in kind', async (name) => {
    const { session } = await open();
    const headers = { ':path': unaryPath, ...type, 'grpc-encoding': name };
    const reply = await requestH2(session, headers, envelope(codings[name](request(long)), 1));
    expect(reply.headers['grpc-encoding']).toBe(name);
    expect(reply.body[0]).toBe(1);
    expect(reply.body.length).toBeLessThan(200);
    const unwilling = { ...headers, 'grpc-accept-encoding': 'identity' };
    const plain = await requestH2(session, unwilling, envelope(codings[name](request(long)), 1));
    expect(plain.headers['grpc-encoding']).toBeUndefined();
    expect(idOf(plain)).toBe(long);
  });

  it('says what it takes where it does not know one', async () => {
    const { session } = await open();
    const headers = { ':path': unaryPath, ...type, 'grpc-encoding': 'snappy' };
    const reply = await requestH2(session, headers, envelope(request('m'), 1));
    expect(reply.headers).toMatchObject({ 'grpc-status': '12', 'grpc-accept-encoding': 'gzip,br' });
  });
});

describe('a caller that goes', () => {
  const waiting = () => {
    const cancelled: Fault[] = [];
    const wait: Unary & Stream = (call) =>
      new Promise((_resolve, reject) => {
        call.cancellation.onCancel((fault) => {
          cancelled.push(fault);
          reject(fault);
        });
      });
    return { cancelled, wait };
  };

  it.each([
    ['resets its stream', (stream: http2.ClientHttp2Stream) => stream.close(http2.constants.NGHTTP2_CANCEL)],
    ['resets it without an error', (stream: http2.ClientHttp2Stream) => stream.close(http2.constants.NGHTTP2_NO_ERROR)],
    ['drops its connection', (stream: http2.ClientHttp2Stream) => stream.session?.destroy()],
  ])('cancels the call once: it %s', async (_name, leave) => {
    const { cancelled, wait } = waiting();
    const { port, session } = await open({ unary: wait, stream: wait });
    const streams = [unaryPath, streamPath].map((path) => {
      const stream = session.request({ ':method': 'POST', ':path': path, ...type });
      stream.on('error', () => {});
      return stream.end(envelope(request('m')));
    });
    await port.whenBegun(2);
    // Both have reached their methods once a third call was answered.
    await requestH2(session, { ':path': '/grpc.health.v1.Health/Check', ...type }, envelope(Buffer.alloc(0)));
    for (const stream of streams) leave(stream);
    await port.whenEnded(3);
    await new Promise((resolve) => setImmediate(resolve));
    expect(port.ended.filter(({ fault }) => fault?.reason === 'CANCELLED')).toHaveLength(2);
    expect(new Set(port.ended.map(({ call }) => call)).size).toBe(port.ended.length);
    expect(port.server.inFlight).toBe(0);
    expect(cancelled.map(({ reason }) => reason)).toEqual(['CANCELLED', 'CANCELLED']);
  });

  it('amid its request ends the call', async () => {
    const { port, session } = await open();
    const stream = session.request({ ':method': 'POST', ':path': unaryPath, ...type });
    stream.on('error', () => {});
    stream.write(Buffer.from([0, 0, 0, 1]));
    await port.whenBegun(1);
    // Node's own reset would send END_STREAM first.
    session.destroy();
    await port.whenEnded(1);
    expect(port.ended).toMatchObject([{ fault: { reason: 'CANCELLED' } }]);
  });

  it('leaves nothing that a method could trip over', async () => {
    const late = Promise.withResolvers<void>();
    const { port, session } = await open({
      stream: async (call, _request, reply) => {
        reply.message(chunk('a'));
        await new Promise((resolve) => call.cancellation.onCancel(resolve));
        await new Promise((resolve) => setImmediate(resolve));
        expect(reply.message(chunk('b'))).toBe(true);
        await new Promise<void>((resolve) => reply.onDrain(resolve));
        late.resolve();
      },
    });
    const stream = session.request({ ':method': 'POST', ':path': streamPath, ...type });
    stream.on('error', () => {});
    stream.end(envelope(request('m')));
    await once(stream, 'data');
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await late.promise;
    await port.whenEnded(1);
    expect(port.ended).toHaveLength(1);
  });
});

it('writes a chunk of a stream as one frame', async () => {
  const { session } = await open({
    stream: async (_call, _request, reply) => {
      for (const id of 'abc') {
        reply.message(chunk(id));
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  });
  const stream = session.request({ ':method': 'POST', ':path': streamPath, ...type });
  stream.end(envelope(request('m')));
  const sizes: number[] = [];
  stream.on('data', (piece: Buffer) => sizes.push(piece.length));
  await once(stream, 'close');
  expect(sizes).toEqual([8, 8, 8]);
});

it.each([
  ['JSON', { 'content-type': 'application/grpc+json' }, '0'],
  ['an origin', { ...type, origin: 'https://page.example' }, '0'],
])('leaves %s to connect-es', async (_name, headers, status) => {
  const { session } = await open();
  const body = headers['content-type'] === 'application/grpc' ? request('m') : Buffer.from('{"model":"m"}');
  const reply = await requestH2(session, { ':path': unaryPath, ...headers }, envelope(body));
  expect(statusOf(reply)).toBe(status);
  expect(reply.headers['content-type']).toBe(headers['content-type'].replace(/grpc$/, 'grpc+proto'));
});

// Header names that HTTP/2 does not have.
const spoilHead = (call: Call): void => {
  call.replyHeaders['connection'] = 'x';
};
const spoilTrailers = (call: Call): void => {
  call.replyTrailers = { connection: 'x' };
};

it.each([
  ['head', unaryPath, spoilHead],
  ['head', streamPath, spoilHead],
  ['trailers', unaryPath, spoilTrailers],
  ['trailers', streamPath, spoilTrailers],
])('resets a stream whose %s cannot be written, and serves on (%s)', async (_part, path, spoil) => {
  const answer = (message: (id: string) => ReturnType<typeof response> | ReturnType<typeof chunk>) =>
    (async (call, _request, reply) => {
      spoil(call);
      reply.message(message('x') as never);
    }) as Unary & Stream;
  const { port, session } = await open({ unary: answer(response), stream: answer(chunk) });
  const stream = session.request({ ':method': 'POST', ':path': path, ...type });
  const failed = once(stream, 'error');
  stream.resume().end(envelope(request('m')));
  await failed;
  expect(stream.rstCode).toBe(http2.constants.NGHTTP2_INTERNAL_ERROR);
  await port.whenEnded(1);
  expect(port.ended).toMatchObject([{ fault: { reason: 'INTERNAL' } }]);
  const health = { ':path': '/grpc.health.v1.Health/Check', ...type };
  expect(statusOf(await requestH2(session, health, envelope(Buffer.alloc(0))))).toBe('0');
});
