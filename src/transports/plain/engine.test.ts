import { once } from 'node:events';
import * as net from 'node:net';
import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { StreamChatCompletionResponseSchema } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { chat, response } from '../../../test/support/chat.ts';
import { openPort, type Port, sendRaw } from '../../../test/support/port.ts';
import { Fault } from '../../kernel/fault.ts';
import type { ServerOptions, ServerParts } from '../parts.ts';

const ask = (model: string, more = ''): string => {
  const body = `{"model":"${model}","messages":[{"role":"user","content":"hi"}]${more}}`;
  return `POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
};
const last = 'GET /nowhere HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n';
const closing = (request: string): string => request.replace('host: a', 'host: a\r\nconnection: close');

const opened: Port[] = [];
type Methods = Parameters<typeof chat>[0];
async function open(methods: Methods = {}, options: Partial<ServerOptions> = {}, parts: Partial<ServerParts> = {}) {
  const port = await openPort(chat(methods), options, parts);
  opened.push(port);
  return port;
}
afterEach(async () => {
  for (const { server } of opened.splice(0)) await server.close();
});

/** A connection, and what came over it. */
async function connect({ port }: Port) {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => {});
  let text = '';
  socket.setEncoding('latin1').on('data', (piece: string) => {
    text += piece;
  });
  await once(socket, 'connect');
  return {
    socket,
    got: () => text,
    /** Resolves once `part` has come `times` times. */
    async until(part: string, times = 1): Promise<string> {
      while (text.split(part).length <= times) await once(socket, 'data');
      return text;
    },
  };
}

describe('a connection', () => {
  it('serves one plain request after another, then another kind, then a plain one again', async () => {
    const port = await open();
    const { socket, until } = await connect(port);
    for (let i = 1; i <= 3; i++) {
      socket.write(ask(`m${i}`));
      await until(`"id":"m${i}"`);
    }
    socket.write('GET /nowhere HTTP/1.1\r\nhost: a\r\n\r\n');
    expect(await until('unknown URL')).toContain('HTTP/1.1 404 ');
    socket.write(ask('m4'));
    await until('"id":"m4"');
    socket.write(closing(ask('m5')));
    await once(socket, 'close');
    expect(port.begun.map(({ protocol }) => protocol)).toEqual(Array(6).fill('http'));
  });

  it('answers requests that come at once in their order, whatever they are', async () => {
    const port = await open();
    const answer = await sendRaw(port.port, ask('a') + ask('b') + ask('c', ',"stream":true') + ask('d') + last);
    const marks = ['"id":"a"', '"id":"b"', '[DONE]', '"id":"d"', 'unknown URL'].map((mark) => answer.indexOf(mark));
    expect(Math.min(...marks)).toBeGreaterThan(0);
    expect(marks).toEqual(marks.toSorted((a, b) => a - b));
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(5);
  });

  it('takes a long body in pieces, with others behind', async () => {
    const port = await open();
    const user = 'ä'.repeat(200_000);
    const bytes = Buffer.from(ask('long', `,"user":"${user}"`) + ask('next') + last);
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += 50_001) pieces.push(bytes.subarray(at, at + 50_001));
    const answer = await sendRaw(port.port, ...pieces);
    expect(answer).toMatch(/"id":"long"[\s\S]*"id":"next"[\s\S]* 404 /);
  });

  it.each([75_000, 0])('says what node:http says about itself, kept open for %d ms', async (keepAliveTimeoutMs) => {
    const heads: string[][] = [];
    for (const lanes of [true, false]) {
      const port = await open({}, { lanes, keepAliveTimeoutMs });
      const answer = await sendRaw(port.port, ask('m', ',"stream":true') + closing(ask('m')));
      heads.push(
        [...answer.matchAll(/HTTP\/1\.1 [\s\S]*?\r\n\r\n/g)].map(([head]) =>
          normal(head).split('\n').toSorted().join('\n'),
        ),
      );
    }
    expect(heads[0]).toHaveLength(2);
    expect(heads[0]).toEqual(heads[1]);
  });
});

describe('a caller that leaves', () => {
  it.each(['destroy', 'end', 'resetAndDestroy'] as const)('cancels its call: %s', async (leave) => {
    const never: Methods = {
      unary: (call) => new Promise((_resolve, reject) => call.cancellation.onCancel(reject)),
    };
    const port = await open(never);
    const { socket } = await connect(port);
    socket.write(ask('m') + ask('behind'));
    await port.whenBegun(1);
    const left = performance.now();
    socket[leave]();
    await port.whenEnded(1);
    expect(performance.now() - left).toBeLessThan(1_000);
    expect(port.ended).toMatchObject([{ fault: { reason: 'CANCELLED' } }]);
    expect(port.server.inFlight).toBe(0);
  });

  it.each([true, false])('cancels its call amid its body (lanes %s)', async (lanes) => {
    const port = await open({}, { lanes });
    const { socket } = await connect(port);
    socket.write(ask('m').slice(0, -5));
    await port.whenBegun(1);
    socket.destroy();
    // What broke off is a request that could not be read, besides.
    await port.whenEnded(2);
    expect(port.ended.map(({ fault }) => fault?.reason).toSorted()).toEqual(['CANCELLED', 'FIELD_INVALID']);
  });

  it('is cut off where it does not read', async () => {
    const piece = create(StreamChatCompletionResponseSchema, {
      id: 'c',
      choices: [{ delta: { content: 'x'.repeat(100_000) } }],
    });
    const flood: Methods = {
      stream: (call, _request, reply) =>
        new Promise((_resolve, reject) => {
          call.cancellation.onCancel(reject);
          const write = (): void => {
            while (call.cancellation.fault === undefined && reply.message(piece));
            if (call.cancellation.fault === undefined) reply.onDrain(write);
          };
          write();
        }),
    };
    const port = await open(flood, { stalledReaderMs: 100 });
    const { socket } = await connect(port);
    socket.pause();
    socket.write(ask('m', ',"stream":true'));
    await port.whenEnded(1);
    expect(port.ended).toMatchObject([{ fault: { reason: 'CANCELLED' } }]);
    socket.destroy();
  });
});

describe('limits', () => {
  it('of time: a head, a body, a next request', async () => {
    const port = await open({}, { headersTimeoutMs: 60, requestTimeoutMs: 120, keepAliveTimeoutMs: 1 });
    const half = ask('m').indexOf('\r\n\r\n') - 3;
    expect(await sendRaw(port.port, ask('m').slice(0, half))).toMatch(
      /^HTTP\/1\.1 408 [\s\S]*\r\nconnection: close\r\n/,
    );
    const { socket, until } = await connect(port);
    socket.write(ask('m').slice(0, -5));
    expect(await until('request_timeout')).toContain('HTTP/1.1 408 ');
    // The rest of the body is read away, and the connection serves on until it is idle for too long.
    socket.write(ask('m').slice(-5));
    socket.write(ask('m2'));
    await until('"id":"m2"');
    await once(socket, 'close');
  });

  it('of size: what is too large is refused as node:http has it', async () => {
    const port = await open({}, { maxRequestBytes: 100 });
    const answer = await sendRaw(port.port, closing(ask('m', `,"user":"${'x'.repeat(100)}"`)));
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('refuses before it has read the body, and reads that away', async () => {
    const gate = {
      authenticate: (): never => {
        throw new Fault('CREDENTIAL_INVALID', 'who are you?');
      },
    };
    const port = await open({}, {}, { gate });
    const { socket, until, got } = await connect(port);
    const request = ask('m', `,"user":"${'x'.repeat(300_000)}"`);
    socket.write(request.slice(0, 1_000));
    await until('who are you?');
    socket.write(request.slice(1_000) + last);
    await once(socket, 'close');
    expect(got().match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 401', 'HTTP/1.1 404']);
  });

  it('holds a body back that nobody has asked for yet', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const port = await open({}, {}, { gate: { authenticate: () => promise } });
    const { socket, until } = await connect(port);
    socket.write(ask('m', `,"user":"${'x'.repeat(9_000_000)}"`));
    await port.whenBegun(1);
    await new Promise((done) => setTimeout(done, 50));
    expect(socket.writableLength).toBeGreaterThan(0);
    resolve();
    await until('"id":"m"');
    socket.destroy();
  });
});

it('goes down without losing an answer', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const port = await open({
    unary: async (_call, { model }, reply) => {
      await promise;
      reply.message(response(model));
    },
  });
  const [busy, idle] = [await connect(port), await connect(port)];
  idle.socket.write(ask('no', ',"stream":true'));
  await idle.until('[DONE]');
  busy.socket.write(ask('m'));
  await port.whenBegun(2);
  const idleClosed = once(idle.socket, 'close');
  const drained = port.server.drain();
  await idleClosed;
  resolve();
  await once(busy.socket, 'close');
  expect(busy.got()).toMatch(/\r\nConnection: close\r\n[\s\S]*"id":"m"/);
  expect(await drained).toBe(0);
});

/** What differs from call to call and in the order of lines is left out. */
const normal = (text: string): string =>
  text
    .replaceAll('\r\n', '\n')
    .replace(/^([\w-]+):/gm, (name) => name.toLowerCase())
    .replace(/^(date|x-request-id|traceparent): .*$/gm, '$1');

describe('the same as node:http', () => {
  let both: Port[];
  beforeAll(async () => {
    const options = {
      headersTimeoutMs: 150,
      requestTimeoutMs: 150,
      keepAliveTimeoutMs: 100,
      maxRequestBytes: 2_000,
      maxHeaderBytes: 8_192,
    };
    both = [await openPort(chat({}), options), await openPort(chat({}), { ...options, lanes: false })];
  });
  afterAll(async () => {
    for (const { server } of both) await server.close();
  });

  const lines = fc.constantFrom(
    ...['connection: close', 'Connection: Keep-Alive', 'connection: x', 'Connection:', 'x-a: b', 'X-Request-Id: q1'],
    ...['transfer-encoding: chunked', 'expect: 100-continue', 'Expect: x', 'upgrade: h2c', 'host: b', 'Host:'],
    ...['content-type: application/json', 'content-type: text/plain', 'content-encoding: gzip', 'origin: http://a'],
    ...['x_y: 1', 'x y: 1', 'x: \0', 'x: \xe4', ' folded', 'x', ':', 'x :1', 'x:\t1\t', 'x: a\rb', 'x: a\nb', ''],
    ...['accept-encoding: gzip', 'authorization: Bearer k', 'te: trailers', '__proto__: 1', 'constructor: 1'],
    `x: ${'y'.repeat(9_000)}`,
  );
  const body = fc.constantFrom(
    ...['{"model":"m","messages":[]}', '{"model":"ü","messages":[{"role":"user","content":"hi"}]}', '{', '', '[]'],
    ...['{"model":"mm","stream":true,"messages":[{"role":"user","content":"hi"}]}', 'x'.repeat(3_000)],
  );
  const request = fc.record({
    line: fc.oneof(
      { weight: 12, arbitrary: fc.constant('POST /v1/chat/completions HTTP/1.1') },
      fc.constantFrom(
        ...['POST /v1/chat/completions?a=b HTTP/1.1', 'POST http://a/v1/chat/completions HTTP/1.1'],
        ...['POST /v1/chat/completions HTTP/1.0', 'GET /v1/chat/completions HTTP/1.1', 'POST  / HTTP/1.1', 'POST'],
        ...['POST /v1/chat/completions HTTP/1.2', 'post /v1/chat/completions HTTP/1.1', 'POST /v1/models HTTP/1.1'],
      ),
    ),
    /** What becomes of the fields that every request has. */
    left: fc.array(fc.nat(4), { maxLength: 1 }),
    more: fc.array(lines, { maxLength: 3 }),
    body,
    length: fc.constantFrom('', '', '', '', '', '', '0', '+', ' ', ', 1'),
    flip: fc.option(fc.record({ at: fc.nat(150), to: fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }) }), {
      freq: 2,
    }),
    splits: fc.array(fc.nat(300), { maxLength: 3 }),
  });

  const bytesOf = ({
    line,
    left,
    more,
    body: text,
    length,
    flip,
  }: typeof request extends fc.Arbitrary<infer R> ? R : never): Buffer => {
    const size = Buffer.byteLength(text);
    const told = length === '+' || length === '0' ? `${length}${size}` : `${size}${length}`;
    const usual = ['Host: a', 'content-type: application/json', 'User-Agent: t'].filter(
      (_field, at) => !left.includes(at),
    );
    const head = [line, ...usual, ...more].join('\r\n');
    // Not the length: what stands behind a body that is shorter than it seems is answered differently, see below.
    const at = flip === null ? -1 : flip.at % head.length;
    const spoilt = flip === null ? head : head.slice(0, at) + flip.to + head.slice(at + 1);
    const counted = left.includes(3) ? '' : `\r\nContent-Length: ${told}`;
    return Buffer.concat([
      Buffer.from(`${spoilt}${counted}\r\n\r\n`, 'latin1'),
      Buffer.from(left.includes(3) ? '' : text),
    ]);
  };

  const transcript = async ({ port }: Port, pieces: readonly Buffer[]): Promise<string> =>
    normal(await sendRaw(port, ...pieces))
      .split('\n')
      .toSorted()
      .join('\n');

  it('whatever comes', async () => {
    const seed = Date.now();
    // All at once: some of them take the seconds that a body is waited for.
    const differing = await Promise.all(
      fc.sample(request, { numRuns: 300, seed }).map(async (each) => {
        const bytes = bytesOf(each);
        const cuts = [0, ...each.splits.map((at) => at % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
        const pieces = cuts.slice(1).map((to, i) => bytes.subarray(cuts[i], to));
        // Whether the connection serves on. Bytes behind a request to close it are an error to Node, if they come at once.
        if (!/connection: close/i.test(bytes.toString('latin1'))) pieces.push(Buffer.from(last));
        const [ours, theirs] = await Promise.all(both.map((port) => transcript(port, pieces)));
        return ours === theirs ? [] : [{ sent: pieces.map((piece) => piece.toString('latin1')), ours, theirs }];
      }),
    );
    expect({ seed, differing: differing.flat() }).toEqual({ seed, differing: [] });
  }, 60_000);

  it('byte by byte, and split anywhere', async () => {
    const bytes = Buffer.from(ask('m') + last);
    const expected = await transcript(both[1] as Port, [bytes]);
    const ours = both[0] as Port;
    expect(
      await transcript(
        ours,
        [...bytes].map((byte) => Buffer.from([byte])),
      ),
    ).toBe(expected);
    for (let at = 1; at < bytes.length; at += 3)
      expect(await transcript(ours, [bytes.subarray(0, at), bytes.subarray(at)])).toBe(expected);
  });

  it('but for nonsense behind a request: that one is answered first', async () => {
    const answer = await sendRaw((both[0] as Port).port, `${ask('m')}nonsense\r\n\r\n`);
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
  });
});
