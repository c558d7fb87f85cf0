import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Exchange, HttpRequest, ResponseHandler, Upstream } from '../kernel/upstream.ts';
import { createHttpUpstream, type HttpClient, type HttpUpstreamOptions } from './http.ts';
import { localhostCertificate } from './testing/localhost-certificate.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Peer {
  readonly port: number;
  readonly sockets: net.Socket[];
  /** Resolves with the nth connection, from 0. */
  connection(n: number): Promise<net.Socket>;
}

/** A server on a bare socket, which can misbehave as it likes. `onRequest` runs for each whole request. */
async function peer(onRequest: (socket: net.Socket, request: string, nth: number) => void): Promise<Peer> {
  const sockets: net.Socket[] = [];
  let nth = 0;
  const server = net.createServer((socket) => {
    sockets.push(socket);
    server.emit('accepted');
    let text = '';
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      const head = text.indexOf('\r\n\r\n');
      const length = Number(/content-length: (\d+)/.exec(text)?.[1] ?? 0);
      if (head < 0 || text.length < head + 4 + length) return;
      const request = text;
      text = '';
      onRequest(socket, request, nth++);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    port: (server.address() as net.AddressInfo).port,
    sockets,
    async connection(n) {
      while (sockets.length <= n) await once(server, 'accepted');
      return sockets[n] as net.Socket;
    },
  };
}

const clients: readonly HttpClient[] = ['native', 'undici'];
let speaker: HttpClient = 'native';

function client(port: number, options: Partial<HttpUpstreamOptions> = {}): Upstream {
  const upstream = createHttpUpstream({
    origin: `http://127.0.0.1:${port}`,
    connectTimeoutMs: 2_000,
    client: speaker,
    ...options,
  });
  cleanups.push(() => {
    for (const exchange of live) exchange.cancel();
    live.clear();
    return upstream.close();
  });
  return upstream;
}
const live = new Set<Exchange>();

const post: HttpRequest = {
  method: 'POST',
  path: '/v1/chat/completions',
  headers: { 'content-type': 'application/json', authorization: 'Bearer k' },
  body: '{"a":"é"}',
};

interface Told {
  readonly events: string[];
  readonly exchange: Exchange;
  text: string;
  /** Resolves at `end` or `error`. */
  readonly over: Promise<void>;
  next(event: string): Promise<void>;
}

function ask(upstream: Upstream, request: HttpRequest = post, onData?: (exchange: Exchange) => void): Told {
  const events: string[] = [];
  const waiters: { event: string; go: () => void }[] = [];
  const tell = (event: string) => {
    events.push(event);
    for (const waiter of waiters) if (event.startsWith(waiter.event)) waiter.go();
  };
  const next = (event: string) =>
    events.some((one) => one.startsWith(event))
      ? Promise.resolve()
      : new Promise<void>((go) => waiters.push({ event, go }));
  const handler: ResponseHandler = {
    head: (status) => tell(`head ${status}`),
    data(bytes) {
      told.text += Buffer.from(bytes).toString();
      if (events.at(-1) !== 'data') tell('data');
      onData?.(exchange);
    },
    end: () => tell('end'),
    error: (kind) => tell(`error ${kind}`),
  };
  const exchange = upstream.send(request, handler);
  live.add(exchange);
  const told: Told = {
    events,
    exchange,
    text: '',
    over: Promise.race([next('end'), next('error')]),
    next,
  };
  return told;
}

const whole = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello';
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe.each(clients)('%s', (name) => {
  beforeEach(() => {
    speaker = name;
  });

  test('an answer comes as head, data, end; the connection serves the next request too', async () => {
    const seen: string[] = [];
    const server = await peer((socket, request) => {
      seen.push(request);
      socket.write(whole);
    });
    const upstream = client(server.port);
    for (let i = 0; i < 3; i++) {
      const told = ask(upstream);
      await told.over;
      expect(told.events).toEqual(['head 200', 'data', 'end']);
      expect(told.text).toBe('hello');
    }
    expect(server.sockets).toHaveLength(1);
    expect(seen[0]).toContain('POST /v1/chat/completions HTTP/1.1\r\n');
    expect(seen[0]).toContain(`host: 127.0.0.1:${server.port}\r\n`);
    expect(seen[0]).toContain('accept-encoding: identity\r\n');
    expect(seen[0]).toContain('content-length: 10\r\n');
    expect(seen[0]).toMatch(/\r\n\r\n\{"a":"Ã©"\}$/);
  });

  test('GET sends no body', async () => {
    let seen = '';
    const server = await peer((socket, request) => {
      seen = request;
      socket.write(whole);
    });
    await ask(client(server.port), { ...post, method: 'GET', body: '' }).over;
    expect(seen).not.toContain('content-length');
  });

  const failures: [name: string, answer: (socket: net.Socket) => void, events: string[]][] = [
    ['reset before head', (s) => s.resetAndDestroy(), ['error reset']],
    ['FIN before head', (s) => s.end(), ['error reset']],
    ['FIN within the head', (s) => s.end('HTTP/1.1 200 OK\r\nContent-Le'), ['error reset']],
    [
      'reset amid the body',
      (s) =>
        s.write('HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello', () => setTimeout(() => s.resetAndDestroy(), 20)),
      ['head 200', 'data', 'error reset'],
    ],
    [
      'reset amid a body that the connection delimits',
      (s) =>
        s.write('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello', () => setTimeout(() => s.resetAndDestroy(), 20)),
      ['head 200', 'data', 'error reset'],
    ],
    [
      'FIN with a short content-length',
      (s) => s.end('HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello'),
      ['head 200', 'data', 'error reset'],
    ],
    [
      'FIN with a short content-length, connection: close',
      (s) => s.end('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 50\r\n\r\nhello'),
      ['head 200', 'data', 'error reset'],
    ],
    [
      'chunked without its end',
      (s) => s.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'),
      ['head 200', 'data', 'error reset'],
    ],
    [
      'chunked without its end, connection: close',
      (s) => s.end('HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'),
      ['head 200', 'data', 'error reset'],
    ],
    ['garbage', (s) => s.write('SSH-2.0-OpenSSH_9.6\r\n'), ['error protocol']],
    [
      'a broken chunk size',
      (s) => s.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n'),
      ['head 200', 'data', 'error protocol'],
    ],
    [
      'a head beyond the limit',
      (s) => s.write(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`),
      ['error protocol'],
    ],
    [
      'a compressed answer that nobody asked for',
      (s) => s.write('HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello'),
      ['error protocol'],
    ],
  ];

  test.each(failures)('failure: %s', async (_name, answer, events) => {
    const server = await peer((socket, _request, nth) => (nth === 0 ? answer(socket) : socket.write(whole)));
    const upstream = client(server.port);
    const told = ask(upstream);
    await told.over;
    await turn();
    expect(told.events).toEqual(events);
    // The next request is none the worse for it.
    const second = ask(upstream);
    await second.over;
    expect(second.events).toEqual(['head 200', 'data', 'end']);
  });

  test('a body that only the connection delimits ends with it', async () => {
    const server = await peer((socket) => socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello'));
    const upstream = client(server.port);
    for (let i = 0; i < 2; i++) {
      const told = ask(upstream);
      await told.over;
      expect(told.events).toEqual(['head 200', 'data', 'end']);
    }
  });

  test('interim answers are passed over', async () => {
    const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n';
    const server = await peer((socket) => socket.write(hints + whole));
    const told = ask(client(server.port));
    await told.over;
    expect(told.events).toEqual(['head 200', 'data', 'end']);
  });

  test('nobody listens: connect', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    server.close();
    await once(server, 'close');
    const told = ask(client(port));
    await told.over;
    expect(told.events).toEqual(['error connect']);
  });

  test('a header value that HTTP forbids fails after send has returned', async () => {
    const server = await peer((socket) => socket.write(whole));
    const told = ask(client(server.port), { ...post, headers: { authorization: 'Bearer a\nb' } });
    expect(told.events).toEqual([]);
    await told.over;
    expect(told.events).toEqual(['error protocol']);
  });

  test('a close while idle is noticed: the next request takes a fresh connection', async () => {
    const server = await peer((socket) => socket.write(whole));
    const upstream = client(server.port);
    await ask(upstream).over;
    const [first] = server.sockets;
    first?.end();
    await turn();
    const told = ask(upstream);
    await told.over;
    expect(told.events).toEqual(['head 200', 'data', 'end']);
  });

  async function closed(socket: net.Socket): Promise<void> {
    if (!socket.closed) await once(socket, 'close');
  }

  test('cancel before the head closes the socket', async () => {
    let arrived: (() => void) | undefined;
    const request = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const server = await peer(() => arrived?.());
    const told = ask(client(server.port));
    await request;
    told.exchange.cancel();
    await closed(await server.connection(0));
    expect(told.events).toEqual([]);
  });

  test('cancel amid the body closes the socket, also when paused and within data', async () => {
    const server = await peer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
    });
    const upstream = client(server.port);
    const ways: ((told: Told) => void)[] = [
      (told) => told.exchange.cancel(),
      (told) => {
        told.exchange.pause();
        told.exchange.cancel();
      },
    ];
    for (const [nth, way] of ways.entries()) {
      const told = ask(upstream);
      await told.next('data');
      way(told);
      await closed(await server.connection(nth));
      expect(told.events).toEqual(['head 200', 'data']);
    }
    const within = ask(upstream, post, (exchange) => exchange.cancel());
    await within.next('data');
    await closed(await server.connection(2));
    expect(within.events).toEqual(['head 200', 'data']);
  });

  test('cancel while connecting closes the socket, and while in line costs no connection', async () => {
    const requests: string[] = [];
    const server = await peer((_socket, request) => requests.push(request.split(' ', 2).join(' ')));
    const upstream = client(server.port, { maxConnections: 1 });
    const [first, second, third] = ['/1', '/2', '/3'].map((path) => ask(upstream, { ...post, path }));
    second?.exchange.cancel();
    first?.exchange.cancel();
    await expect.poll(() => requests).toEqual(['POST /3']);
    // The kernel may have accepted the first connection before it was closed.
    await expect.poll(() => server.sockets.filter((socket) => !socket.closed)).toHaveLength(1);
    expect([first, second, third].map((told) => told?.events)).toEqual([[], [], []]);
  });

  test('cancel amid a TLS handshake closes the socket; the connect timeout does, too', async () => {
    const server = await peer(() => {});
    const origin = `https://127.0.0.1:${server.port}`;
    const cancelled = ask(client(server.port, { origin }));
    const socket = await server.connection(0);
    cancelled.exchange.cancel();
    await closed(socket);
    expect(cancelled.events).toEqual([]);

    const late = ask(client(server.port, { origin, connectTimeoutMs: 50 }));
    await late.over;
    expect(late.events).toEqual(['error connect']);
    const second = await server.connection(1);
    await closed(second);
  });

  test('TLS: the server is verified and named, sessions are resumed', async () => {
    const seen: [servername: unknown, reused: boolean][] = [];
    const server = tls.createServer({ ...localhostCertificate, ALPNProtocols: ['h2', 'http/1.1'] }, (socket) => {
      seen.push([socket.servername, socket.isSessionReused()]);
      socket.on('error', () => {});
      socket.on('data', () => socket.end(whole.replace('\r\n', '\r\nConnection: close\r\n')));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanups.push(() => server.close());
    const { port } = server.address() as net.AddressInfo;
    const origin = `https://localhost:${port}`;

    const trusting = client(port, { origin, tls: { ca: localhostCertificate.cert } });
    for (let i = 0; i < 2; i++) {
      const told = ask(trusting);
      await told.over;
      expect(told.events).toEqual(['head 200', 'data', 'end']);
    }
    expect(seen).toEqual([
      ['localhost', false],
      ['localhost', true],
    ]);

    const distrusting = ask(client(port, { origin }));
    await distrusting.over;
    expect(distrusting.events).toEqual(['error connect']);
  });

  test('a request may be sent from within the end, the data or the failure of another', async () => {
    const server = await peer((socket, _request, nth) => {
      if (nth % 3 === 2) socket.resetAndDestroy();
      else socket.write(whole);
    });
    const upstream = client(server.port);
    const told: string[] = [];
    await new Promise<void>((resolve) => {
      const next = () => {
        if (told.length === 30) return resolve();
        let cancelled = false;
        const again = (event: string) => {
          if (cancelled) throw new Error('heard after cancel');
          told.push(event);
          next();
        };
        const exchange = upstream.send(post, {
          head() {},
          data() {
            if (told.length % 3 !== 1) return;
            exchange.cancel();
            again('cancelled');
            cancelled = true;
          },
          end: () => again('end'),
          error: (kind) => again(kind),
        });
      };
      next();
    });
    expect(told.slice(0, 6)).toEqual(['end', 'cancelled', 'reset', 'end', 'cancelled', 'reset']);
  });

  test('requests beyond maxConnections wait, and go out in order', async () => {
    const open: net.Socket[] = [];
    const server = await peer((socket) => open.push(socket));
    const upstream = client(server.port, { maxConnections: 2 });
    const told = [ask(upstream), ask(upstream), ask(upstream)];
    await expect.poll(() => open.length).toBe(2);
    expect(server.sockets).toHaveLength(2);
    open[0]?.write(whole);
    await expect.poll(() => open.length).toBe(3);
    open[1]?.write(whole);
    open[2]?.write(whole);
    await Promise.all(told.map((one) => one.over));
    expect(server.sockets).toHaveLength(2);
  });

  test('a paused answer stays in the kernel: memory is bounded, nothing is lost', async () => {
    const size = 64 * 1024 * 1024;
    let written = 0;
    const server = await peer((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
      const block = Buffer.alloc(65_536, 120);
      const pump = () => {
        while (written < size) {
          written += block.length;
          if (!socket.write(block)) return;
        }
      };
      socket.on('drain', pump);
      pump();
    });
    let received = 0;
    let paused = false;
    let resumed = false;
    const afterPause: number[] = [];
    let over: (() => void) | undefined;
    const done = new Promise<void>((resolve) => {
      over = resolve;
    });
    const exchange = client(server.port).send(post, {
      head() {},
      data(bytes) {
        received += bytes.length;
        if (resumed) return;
        if (paused) afterPause.push(bytes.length);
        else if (received > 100_000) {
          paused = true;
          exchange.pause();
        }
      },
      end: () => over?.(),
      error: (_kind, cause) => {
        throw cause;
      },
    });
    await expect.poll(() => paused).toBe(true);
    // The server is stuck once the kernel's buffers are full: two looks in a row see the same figure.
    let last = -1;
    await expect
      .poll(
        () => {
          const same = written === last;
          last = written;
          return same;
        },
        { interval: 100 },
      )
      .toBe(true);
    expect(written).toBeLessThan(size / 2);
    expect(afterPause.length).toBeLessThanOrEqual(1);
    resumed = true;
    exchange.resume();
    await done;
    expect(received).toBe(size);
  });

  test('an early answer to a large body is heard, and its connection not used again', async () => {
    const server = await peer(() => {});
    const upstream = client(server.port);
    const told = ask(upstream, { ...post, body: Buffer.alloc(32 * 1024 * 1024, 97) });
    const socket = await server.connection(0);
    socket.removeAllListeners('data');
    socket.pause();
    socket.write(whole);
    await told.over;
    expect(told.events).toEqual(['head 200', 'data', 'end']);
    const second = ask(upstream);
    await server.connection(1);
    second.exchange.cancel();
  });

  test('close lets running exchanges finish and refuses new ones', async () => {
    const open: net.Socket[] = [];
    const server = await peer((socket) => open.push(socket));
    const upstream = client(server.port);
    const running = ask(upstream);
    await expect.poll(() => open.length).toBe(1);
    let closed = false;
    const closing = upstream.close().then(() => {
      closed = true;
    });
    const again = upstream.close();
    const refused = ask(upstream);
    await refused.over;
    expect(refused.events).toEqual(['error connect']);
    expect(closed).toBe(false);
    open[0]?.write(whole);
    await running.over;
    await Promise.all([closing, again]);
    expect(running.events).toEqual(['head 200', 'data', 'end']);
  });

  const evil = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil';

  test('an answer that nobody asked for is not the answer to the next request', async () => {
    const server = await peer((socket, _request, nth) => {
      if (nth === 0) socket.write(whole + evil);
      else if (nth === 1) socket.write(whole, () => setTimeout(() => socket.write(evil), 10));
      else socket.write(whole);
    });
    const upstream = client(server.port);
    await ask(upstream).over;
    const second = ask(upstream);
    await second.over;
    expect([second.text, server.sockets.length]).toEqual(['hello', 2]);
    await closed(await server.connection(1));
    const third = ask(upstream);
    await third.over;
    expect([third.text, server.sockets.length]).toEqual(['hello', 3]);
  });

  test.each(['head', 'data', 'end'] as const)('a handler that throws at %s harms no other request', async (where) => {
    const server = await peer((socket) => socket.write(whole));
    const upstream = client(server.port);
    const throwing = { thrown: new Error('from the handler'), heard: [] as unknown[] };
    const at = (event: string) => {
      if (event === where) throw throwing.thrown;
    };
    await new Promise<void>((resolve) => {
      upstream.send(post, {
        head: () => at('head'),
        data: () => at('data'),
        end() {
          resolve();
          at('end');
        },
        error(...failure) {
          throwing.heard.push(failure);
          resolve();
        },
      });
    });
    expect(throwing.heard).toEqual(where === 'end' ? [] : [['protocol', throwing.thrown]]);
    const told = ask(upstream);
    await told.over;
    expect(told.text).toBe('hello');
    expect(server.sockets).toHaveLength(where === 'end' ? 1 : 2);
  });

  test('a connection that the server is about to close is not used again', async () => {
    const server = await peer((socket) => socket.write(whole.replace('\r\n', '\r\nKeep-Alive: timeout=1\r\n')));
    const upstream = client(server.port);
    await ask(upstream).over;
    await ask(upstream).over;
    expect(server.sockets).toHaveLength(2);
  });

  test('cancel tells when the socket is closed', async () => {
    const server = await peer(() => {});
    const told = ask(client(server.port));
    await server.connection(0);
    await new Promise<void>((resolve) => told.exchange.cancel(resolve));
    expect(told.events).toEqual([]);
  });

  test('cancel while the name is looked up', async () => {
    const upstream = client(1, { origin: 'http://localhost:1' });
    const told = ask(upstream);
    await new Promise<void>((resolve) => told.exchange.cancel(resolve));
    await upstream.close();
    expect(told.events).toEqual([]);
  });

  const bodies: [name: string, body: string | Uint8Array][] = [
    ['a long string', 'é€😀x'.repeat(40_000)],
    ['a short string beyond ASCII', 'naïve'],
    ['a lone surrogate', 'a\ud800b'],
    ['long ASCII', 'y'.repeat(300_000)],
    ['bytes', Buffer.alloc(100_000, 'é')],
    ['a few bytes', Buffer.from('{"a":1}')],
  ];
  test.each(bodies)('a body arrives as it is: %s', async (_name, body) => {
    const expected = typeof body === 'string' ? Buffer.from(body) : body;
    const server = net.createServer((socket) => {
      let received: Buffer = Buffer.alloc(0);
      socket.on('data', (bytes: Buffer) => {
        received = Buffer.concat([received, bytes]);
        const at = received.indexOf('\r\n\r\n') + 4;
        if (received.length < at + expected.length) return;
        const told = /content-length: (\d+)/.exec(received.toString('latin1', 0, at))?.[1];
        const title = received.toString('latin1', 0, at).includes('x-title: caf\xe9\r\n');
        const same = title && told === String(expected.length) && received.subarray(at).equals(expected);
        socket.end(`HTTP/1.1 ${same ? 200 : 400} X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanups.push(() => server.close());
    const headers = { 'x-title': 'caf\xe9' };
    const told = ask(client((server.address() as net.AddressInfo).port), { ...post, headers, body });
    await told.over;
    expect(told.events).toEqual(['head 200', 'end']);
  });

  const forbidden: [name: string, request: Partial<HttpRequest>][] = [
    ['a line break in the path', { path: '/a\r\nx: y' }],
    ['a blank in the path', { path: '/a b' }],
    ['a line break in a name', { headers: { 'a\r\nb': 'c' } }],
    ['a blank in a name', { headers: { 'a b': 'c' } }],
    ['NUL in a value', { headers: { a: 'b\0' } }],
    ['transfer-encoding', { headers: { 'transfer-encoding': 'chunked' } }],
    ['an upgrade', { headers: { upgrade: 'h2c' } }],
    ['expect', { headers: { expect: '100-continue' } }],
  ];
  test.each(forbidden)('is not sent: %s', async (_name, request) => {
    const server = await peer((socket) => socket.write(whole));
    const upstream = client(server.port);
    const told = ask(upstream, { ...post, ...request });
    await told.over;
    expect(told.events).toEqual(['error protocol']);
  });

  test('a certificate of our own that is none: connect', async () => {
    const told = ask(client(1, { origin: 'https://127.0.0.1:1', tls: { cert: 'no', key: 'no' } }));
    await told.over;
    expect(told.events).toEqual(['error connect']);
  });

  test('a name with several addresses, of which one answers', async () => {
    const server = await peer((socket) => socket.write(whole));
    const upstream = client(server.port, { origin: `http://localhost:${server.port}` });
    for (let i = 0; i < 2; i++) {
      const told = ask(upstream);
      await told.over;
      expect(told.text).toBe('hello');
    }
    expect(server.sockets).toHaveLength(1);
  });

  test('a provider of another name than its address', async () => {
    let seen = '';
    const server = await peer((socket, request) => {
      seen = request;
      socket.write(whole);
    });
    await ask(client(server.port), { ...post, headers: { host: 'api.example.com', 'user-agent': 'x' } }).over;
    expect(seen.match(/^host: .*$/gm)).toEqual(['host: api.example.com']);
    expect(seen.match(/^user-agent: .*$/gm)).toEqual(['user-agent: x']);
  });

  test('paused before the answer, it waits with its body and its end', async () => {
    const server = await peer((socket) => socket.end(whole));
    const told = ask(client(server.port));
    told.exchange.pause();
    await told.next('head');
    for (let i = 0; i < 5; i++) await turn();
    expect(told.events).toEqual(['head 200']);
    told.exchange.resume();
    await told.over;
    expect(told.events).toEqual(['head 200', 'data', 'end']);
  });
});

/** Undici sends on the connection that is being closed, and hands out what it was to hold back. */
describe('native alone', () => {
  beforeEach(() => {
    speaker = 'native';
  });

  test('a server that closes after each answer without a word fails no request', async () => {
    const server = await peer((socket) => socket.end(whole));
    const upstream = client(server.port);
    const told: string[] = [];
    await new Promise<void>((resolve) => {
      const next = () => {
        if (told.length === 20) return resolve();
        upstream.send(post, {
          head() {},
          data() {},
          end() {
            told.push('end');
            next();
          },
          error(kind) {
            told.push(kind);
            next();
          },
        });
      };
      next();
    });
    expect(new Set(told)).toEqual(new Set(['end']));
  });

  test('TLS: what comes while paused, its end too, waits', async () => {
    const size = 400_000;
    const server = tls.createServer(localhostCertificate, (socket) => {
      socket.on('error', () => {});
      socket.once('data', () =>
        socket.end(
          Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n'), Buffer.alloc(size, 120)]),
        ),
      );
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanups.push(() => server.close());
    const { port } = server.address() as net.AddressInfo;
    const upstream = client(port, { origin: `https://localhost:${port}`, tls: { ca: localhostCertificate.cert } });
    let paused = false;
    const told = ask(upstream, post, (exchange) => {
      expect(paused).toBe(false);
      paused = true;
      exchange.pause();
      setTimeout(() => {
        paused = false;
        exchange.resume();
      }, 2);
    });
    await told.over;
    expect(told.events).toEqual(['head 200', 'data', 'end']);
    expect(told.text).toHaveLength(size);
  });
});
