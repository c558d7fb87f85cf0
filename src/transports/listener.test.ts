import { once } from 'node:events';
import * as http2 from 'node:http2';
import * as net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { chat as chatRpcs, chunk, streamPath } from '../../test/support/chat.ts';
import { envelope, openPort, type Port, requestH2, sendRaw } from '../../test/support/port.ts';
import type { Rpc } from '../kernel/method.ts';
import type { ServerOptions } from './parts.ts';

const closing: Port[] = [];
const open = async (options: Partial<ServerOptions> = {}, rpcs: readonly Rpc[] = []): Promise<Port> => {
  const port = await openPort(rpcs, options);
  closing.push(port);
  return port;
};
afterEach(async () => {
  for (const { server } of closing.splice(0)) await server.close();
});

const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const get = 'GET /nowhere HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n';

/** Both protocols still answer. */
async function expectServing({ port, url }: Port): Promise<void> {
  expect(await sendRaw(port, get)).toMatch(/^HTTP\/1\.1 404 /);
  const session = http2.connect(url);
  expect((await requestH2(session, { ':path': '/nowhere' })).headers[':status']).toBe(404);
  session.close();
}

describe('telling HTTP/1.1 and HTTP/2 apart', () => {
  it('takes a preface that comes byte by byte', async () => {
    const { port } = await open();
    const socket = net.connect(port, '127.0.0.1').setNoDelay(true);
    for (const byte of Buffer.concat([preface, settings])) {
      socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const [answer] = (await once(socket, 'data')) as [Buffer];
    // A SETTINGS frame.
    expect(answer[3]).toBe(4);
    socket.destroy();
  });

  it('takes an HTTP/1.1 request that comes byte by byte, and one that begins like the preface', async () => {
    const { port } = await open();
    expect(await sendRaw(port, ...get)).toMatch(/^HTTP\/1\.1 404 /);
    const lookalike = get.replace('GET', 'PROPFIND');
    expect(await sendRaw(port, lookalike)).toMatch(/^HTTP\/1\.1 404 /);
  });

  it('answers a client that has closed its side after the request', async () => {
    const { port } = await open();
    const socket = net.connect(port, '127.0.0.1');
    socket.end(get);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 404 /);
    socket.destroy();
  });

  it('serves on after connections that are reset or closed before they are routed', async () => {
    const port = await open();
    for (const begin of ['', 'P', 'PR', 'PRI', 'G', preface]) {
      for (const leave of ['resetAndDestroy', 'destroy', 'end'] as const) {
        const socket = net.connect(port.port, '127.0.0.1');
        socket.on('error', () => {});
        await once(socket, 'connect');
        if (begin.length > 0) socket.write(begin);
        socket[leave]();
      }
    }
    await expectServing(port);
  });
});

describe('slow and silent callers', () => {
  it.each([
    ['nothing', ''],
    ['two bytes of a preface', 'PR'],
    ['a preface alone', preface],
    ['half a head', 'GET / HTTP/1.1\r\nhost: a\r\nx-'],
  ])('are cut off after the header timeout: %s', async (_name, begin) => {
    const { port } = await open({ headersTimeoutMs: 150 });
    const answer = await sendRaw(port, begin);
    expect(answer === '' || answer.includes(' 408 ') || answer.charCodeAt(3) === 4).toBe(true);
  });

  it('are pinged over HTTP/2, and kept as long as they answer', async () => {
    const port = await open({ keepAliveTimeoutMs: 50, headersTimeoutMs: 5_000 });
    const session = http2.connect(port.url);
    await new Promise<void>((resolve) => {
      let pings = 0;
      session.on('ping', () => {
        if (++pings === 2) resolve();
      });
    });
    expect((await requestH2(session, { ':path': '/nowhere' })).headers[':status']).toBe(404);
    session.close();
  });

  it('are cut off over HTTP/2 when no ping comes back', async () => {
    const { port } = await open({ keepAliveTimeoutMs: 50, headersTimeoutMs: 100 });
    // Settled, then silent: Node's own client would answer the ping.
    expect((await sendRaw(port, preface, settings)).length).toBeGreaterThan(0);
  });
});

describe('bad requests', () => {
  it.each(['[', 'a:99999', 'a b', '::'])('with Host %j harm nobody', async (host) => {
    const port = await open();
    const head = `POST /grpc.health.v1.Health/Check HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\n`;
    expect(await sendRaw(port.port, `${head}connection: close\r\ncontent-length: 2\r\n\r\n{}`)).toMatch(
      /^HTTP\/1\.1 \d/,
    );
    const session = http2.connect(port.url);
    session.on('error', () => {});
    await requestH2(
      session,
      { ':path': '/grpc.health.v1.Health/Check', ':authority': host, 'content-type': 'application/json' },
      '{}',
    ).catch(() => {});
    session.close();
    await expectServing(port);
  });

  it('of HTTP/1.0 without Host are served', async () => {
    const { port } = await open();
    const request =
      'POST /grpc.health.v1.Health/Check HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}';
    expect(await sendRaw(port, request)).toMatch(/^HTTP\/1\.1 200 [\s\S]*SERVING/);
  });

  it.each([
    ['none', 'x: a'],
    ['two', 'host: a\r\nHost: a'],
    ['two that differ', 'host: a\r\nhost: b'],
  ])('of HTTP/1.1 with %s Host are refused, and logged', async (_name, host) => {
    const port = await open();
    const [head, body = ''] = (await sendRaw(port.port, get.replace('host: a', host))).split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 400 /);
    expect(head).toMatch(/^connection: close$/m);
    expect(JSON.parse(body).error.message).toMatch(/Host/);
    await port.whenEnded(1);
    expect(port.ended[0]).toMatchObject({ call: { method: 'unknown' }, fault: { reason: 'FIELD_INVALID' } });
    expect(head).toContain(`x-request-id: ${port.ended[0]?.call.id}`);
  });

  it.each([
    ['http://a/grpc.health.v1.Health/Check', 200],
    ['HTTPS://a:1/grpc.health.v1.Health/Check?x=1', 200],
    ['http://a', 404],
    ['http://a?x=/grpc.health.v1.Health/Check', 404],
    ['*', 404],
  ])('for %s are routed by the path', async (target, status) => {
    const { port } = await open();
    const host = /^\w+:\/\/([^/?]*)/.exec(target)?.[1] ?? 'a';
    const head = `POST ${target} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\nconnection: close\r\n`;
    const answer = await sendRaw(port, `${head}content-length: 2\r\n\r\n{}`);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });

  it('ask in vain to be upgraded to h2c', async () => {
    const { port } = await open();
    const upgrade = get.replace('connection: close', 'connection: upgrade, http2-settings, close\r\nupgrade: h2c');
    expect(await sendRaw(port, upgrade)).toMatch(/^HTTP\/1\.1 404 /);
  });

  it('with too large a head are refused', async () => {
    const port = await open({ maxHeaderBytes: 8_192 });
    const large = 'x'.repeat(10_000);
    expect(await sendRaw(port.port, get.replace('host: a', `host: a\r\nx-large: ${large}`))).toMatch(
      /^HTTP\/1\.1 431 /,
    );
    const session = http2.connect(port.url);
    await once(session, 'remoteSettings');
    const refused = await requestH2(session, { ':path': '/nowhere', 'x-large': large }).then(
      ({ headers }) => headers[':status'],
      () => 'reset',
    );
    expect(['reset', 431, undefined]).toContain(refused);
    session.destroy();
    await expectServing(port);
  });
});

describe('what is no HTTP/1.1', () => {
  const chat = 'POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n';
  const chunked = `${chat}transfer-encoding: chunked\r\n`;

  /** Reads a reply that is all that came over a connection. */
  function replyOf(answer: string) {
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    const headers = Object.fromEntries(
      head
        .split('\r\n')
        .slice(1)
        .map((line) => line.split(': ')),
    );
    expect(headers).toMatchObject({
      connection: 'close',
      'content-type': 'application/json',
      'content-length': `${body.length}`,
    });
    return { status: Number(head.split(' ')[1]), error: JSON.parse(body).error };
  }

  it.each<[string, number, string, string | null]>([
    ['a word', 400, 'nonsense\r\n\r\n', null],
    ['a TLS hello', 400, '\x16\x03\x01\x02\0\x01\0', null],
    ['two lengths', 400, `${chat}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`, null],
    ['a length and chunks', 400, `${chunked}content-length: 2\r\n\r\n0\r\n\r\n`, null],
    ['a folded header', 400, `${chat}x: a\r\n b\r\n\r\n`, null],
    ['bad chunks', 400, `${chunked}\r\n2\r\n{}\r\nzz\r\n`, null],
    ['half a head', 408, 'GET / HTTP/1.1\r\nhost: a\r\nx-', 'request_timeout'],
    ['too large a head', 431, get.replace('host: a', `host: a\r\nx: ${'x'.repeat(9_000)}`), null],
  ])('is told so in OpenAI’s shape: %s', async (_name, status, bytes, code) => {
    const port = await open({ maxHeaderBytes: 8_192, headersTimeoutMs: 200 }, chatRpcs({}));
    const answer = await sendRaw(port.port, bytes);
    expect(replyOf(answer)).toMatchObject({ status, error: { message: expect.any(String), param: null, code } });
    expect(port.ended).toMatchObject([{ call: { method: 'unknown' }, fault: { message: expect.any(String) } }]);
    expect(answer).toContain(`\r\nx-request-id: ${port.ended[0]?.call.id}\r\n`);
    await expectServing(port);
  });

  it('is told so behind a request that is answered', async () => {
    const { port } = await open();
    const first = get.replace('connection: close\r\n', '');
    const socket = net.connect(port, '127.0.0.1');
    socket.write(first);
    await once(socket, 'data');
    socket.write('nonsense\r\n\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(replyOf(answer.toString()).status).toBe(400);
    await once(socket, 'close');
  });

  it('is told so to one that goes on sending', async () => {
    const { port } = await open({ maxHeaderBytes: 8_192 });
    const large = 'x'.repeat(5_000_000);
    expect(replyOf(await sendRaw(port, `GET / HTTP/1.1\r\nhost: a\r\nx: ${large}`)).status).toBe(431);
  });

  it('writes nothing into a reply, nor before one that is owed', async () => {
    const gate = Promise.withResolvers<void>();
    for (const held of [false, true]) {
      const port = await open(
        {},
        chatRpcs({
          stream: async (call, _request, reply) => {
            if (!held) reply.message(chunk('first'));
            await Promise.race([gate.promise, new Promise((_resolve, reject) => call.cancellation.onCancel(reject))]);
          },
        }),
      );
      const body = envelope(Buffer.from('{}'));
      const head = `POST ${streamPath} HTTP/1.1\r\nhost: a\r\ncontent-type: application/connect+json\r\n`;
      const socket = net.connect(port.port, '127.0.0.1');
      let answer = '';
      socket.on('data', (data) => {
        answer += data.toString();
      });
      socket.write(`${head}content-length: ${body.length}\r\n\r\n`);
      socket.write(body);
      if (held) await port.whenBegun(1);
      else await once(socket, 'data');
      socket.write('nonsense\r\n\r\n');
      await once(socket, 'close');
      expect(answer).not.toContain('400');
      expect(answer.startsWith('HTTP/1.1 200 ')).toBe(!held);
      await port.whenEnded(1);
      expect(port.ended[0]?.fault?.reason).toBe('CANCELLED');
    }
  });
});

describe('too much at once', () => {
  it('tells how many streams a connection may have', async () => {
    const port = await open({ maxConcurrentStreams: 3 });
    const session = http2.connect(port.url);
    const [remote] = (await once(session, 'remoteSettings')) as [http2.Settings];
    expect(remote.maxConcurrentStreams).toBe(3);
    session.close();
  });

  it('survives streams that are opened and reset in rapid succession', async () => {
    const port = await open();
    // HEADERS of `GET /` of the authority `a` by the static table, and RST_STREAM, for each stream.
    const frames: Buffer[] = [preface, settings];
    for (let id = 1; id < 8_000; id += 2) {
      const [headers, reset] = [Buffer.alloc(15), Buffer.alloc(13)];
      headers.set([0, 0, 6, 1, 5], 0);
      headers.writeUInt32BE(id, 5);
      headers.set([0x82, 0x84, 0x86, 1, 1, 0x61], 9);
      reset.set([0, 0, 4, 3, 0], 0);
      reset.writeUInt32BE(id, 5);
      reset.writeUInt32BE(8, 9);
      frames.push(headers, reset);
    }
    const answer = Buffer.from(await sendRaw(port.port, Buffer.concat(frames)), 'latin1');
    // The connection was closed with GOAWAY, ENHANCE_YOUR_CALM (11) or INTERNAL_ERROR (2).
    expect(answer.includes(Buffer.from([0, 0, 8, 7]))).toBe(true);
    await expectServing(port);
  });
});
