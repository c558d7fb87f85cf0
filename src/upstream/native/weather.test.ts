import { once } from 'node:events';
import net from 'node:net';
import { expect, test } from 'vitest';
import type { Exchange } from '../../kernel/upstream.ts';
import { createHttpUpstream } from '../http.ts';

const SEED = 7;
const CALLS = 2_000;
const AT_ONCE = 48;

/** A generator of numbers from 0 to 1, the same ones each time (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const request = /^POST (\S+)[\s\S]*?\r\n\r\n\{\}/;

/** Ways in which a server answers a request whose path is its number, which stands in every good answer's body. */
const ways: readonly ((socket: net.Socket, path: string) => void)[] = [
  (socket, path) => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`),
  (socket, path) =>
    socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${path.length}\r\n${path}\r\n0\r\n\r\n`),
  (socket, path) => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
    setImmediate(() =>
      socket.write(`${path.length}\r\n${path}\r\n0\r\n`, () => setImmediate(() => socket.write('\r\n'))),
    );
  },
  (socket, path) => socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`),
  (socket, path) => socket.end(`HTTP/1.1 200 OK\r\n\r\n${path}`),
  (socket, path) =>
    socket.write(
      `HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`,
    ),
  (socket) => socket.resetAndDestroy(),
  (socket) => socket.end(),
  (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n/'),
  (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n/', () => socket.resetAndDestroy()),
  (socket) => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'),
  (socket) => socket.write('What?\r\n\r\n'),
];

test('whatever servers and callers do, each exchange ends once and with its own answer, and nothing stays open', async () => {
  const random = numbers(SEED);
  const open = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    open.add(socket);
    socket.on('error', () => {}).on('close', () => open.delete(socket));
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      for (let match = request.exec(text); match !== null; match = request.exec(text)) {
        text = text.slice(match[0].length);
        // Mostly well, so that connections live on and what one request leaves meets the next.
        const way = random() < 0.6 ? Math.floor(random() * 3) : Math.floor(random() * ways.length);
        ways[way]?.(socket, match[1] as string);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const upstream = createHttpUpstream({
    origin: `http://127.0.0.1:${port}`,
    connectTimeoutMs: 5_000,
    maxConnections: 32,
  });

  const endings: Record<string, number> = {};
  const wrong: string[] = [];
  await new Promise<void>((resolve) => {
    let [begun, over] = [0, 0];
    const next = () => {
      if (begun === CALLS) return;
      const path = `/${String(begun++).padStart(7, '0')}`;
      let [body, ended, cancelled] = ['', false, false];
      const finish = (ending: string) => {
        if (ended) wrong.push(`${path} ended again: ${ending}`);
        if (ending === 'end' && body !== path) wrong.push(`${path} was answered ${JSON.stringify(body)}`);
        ended = true;
        endings[ending] = (endings[ending] ?? 0) + 1;
        next();
        if (++over === CALLS) resolve();
      };
      const mood = random();
      const disturb = (exchange: Exchange) => {
        if (mood < 0.1 && !ended) {
          cancelled = true;
          exchange.cancel();
          finish('cancelled');
        } else if (mood < 0.3) {
          exchange.pause();
          setTimeout(() => exchange.resume(), random() * 3);
        }
      };
      const heard = () => {
        if (cancelled) wrong.push(`${path} heard of after it was cancelled`);
      };
      const exchange = upstream.send(
        { method: 'POST', path, headers: {}, body: '{}' },
        {
          head() {
            heard();
            if (mood * 10 - Math.floor(mood * 10) < 0.3) disturb(exchange);
          },
          data(bytes) {
            heard();
            body += Buffer.from(bytes).toString('latin1');
            disturb(exchange);
          },
          end() {
            heard();
            finish('end');
          },
          error(kind) {
            heard();
            finish(kind);
          },
        },
      );
      if (mood > 0.97) setTimeout(() => disturb(exchange), random() * 3);
    };
    for (let i = 0; i < AT_ONCE; i++) next();
  });
  await upstream.close();
  expect(wrong).toEqual([]);
  for (const ending of ['end', 'reset', 'protocol', 'cancelled']) expect(endings[ending]).toBeGreaterThan(20);
  expect(endings['connect']).toBeUndefined();
  while (open.size > 0) await once([...open][0] as net.Socket, 'close');
  server.close();
});
