import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ChatCompletionRequest } from '../../gen/ts-proto/llmbridge/v1/chat_service.ts';
import { type GatewayProcess, spawnGateway } from '../support/gateway.ts';
import { envelope } from '../support/port.ts';
import { drip } from '../support/raw-http.ts';
import {
  connectRaw,
  END_HEADERS,
  END_STREAM,
  Frame,
  frame,
  headerBlock,
  type RawHttp2,
  setting,
  uint32,
} from '../support/raw-http2.ts';

// What one HTTP/2 connection may ask of the process: memory and time stay bounded, and other callers are served meanwhile.

const MIB = 1 << 20;
const headersTimeout = 1_000;
let gateway: GatewayProcess;
beforeAll(async () => {
  gateway = await spawnGateway(
    `
server: { headers_timeout: ${headersTimeout}ms, request_timeout: 1s, keepalive_timeout: 1s, stalled_reader_timeout: 1s, max_header_bytes: 16KiB }
providers: { sim: { type: simulator, models: [sim] } }
`,
  );
});
afterAll(() => gateway.stop());

const resident = (): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${gateway.child.pid}/status`, 'utf8'))?.[1]) * 1024;

async function ask(): Promise<void> {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'sim', messages: [{ role: 'user', content: 'Hi' }] }),
    signal: AbortSignal.timeout(5_000),
  });
  expect(response.status).toBe(200);
  await response.text();
}

/** Others are served while `attack` runs and after it, and the process is little larger than before. */
async function bearable(attack: () => Promise<unknown>): Promise<void> {
  await ask();
  const before = resident();
  let over = false;
  const running = attack().finally(() => {
    over = true;
  });
  running.catch(() => {});
  while (!over) {
    await ask();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await running;
  await ask();
  expect(resident() - before).toBeLessThan(96 * MIB);
}

const headOf = (path: string, type: string, method = 'POST') =>
  headerBlock({
    ':method': method,
    ':scheme': 'http',
    ':authority': '127.0.0.1',
    ':path': path,
    'content-type': type,
    te: 'trailers',
  });
const head = headOf('/v1/chat/completions', 'application/json');

/** Writes until the other end has enough of it, or all is written. Tells how much it took. */
async function flood({ write }: RawHttp2, count: number, next: (i: number) => Buffer, batch = 100): Promise<number> {
  for (let i = 0; i < count; i += batch) {
    const pieces = Array.from({ length: Math.min(batch, count - i) }, (_, at) => next(i + at));
    if (!(await write(Buffer.concat(pieces)))) return i;
  }
  return count;
}

/** Resolves when the other end closes, or has closed. */
async function closes({ closed, socket }: RawHttp2, withinMs: number): Promise<void> {
  const late = new Promise((_resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`open after ${withinMs} ms`)), withinMs);
    void closed.then(() => clearTimeout(timer));
  });
  try {
    await Promise.race([closed, late]);
  } finally {
    socket.destroy();
  }
}

const rpc = '/llmbridge.v1.ChatService/ChatCompletion';

describe.each([
  ['JSON', headOf('/v1/chat/completions', 'application/json'), Buffer.from('{}')],
  ['a wrong path', headOf('/nowhere', 'application/json'), Buffer.from('{}')],
  ['a list', headOf('/v1/models', 'application/json', 'GET'), Buffer.alloc(0)],
  ['gRPC', headOf(rpc, 'application/grpc'), envelope(Buffer.alloc(0))],
  ['gRPC-web', headOf(rpc, 'application/grpc-web+proto'), envelope(Buffer.alloc(0))],
  ['Connect', headOf(rpc, 'application/proto'), Buffer.alloc(0)],
  [
    'reflection',
    headOf('/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', 'application/grpc'),
    Buffer.alloc(0),
  ],
])('of %s', (_name, open, body) => {
  test.each([0, 1, 50])(
    'streams that are reset %i streams after they were opened end the connection',
    async (later) => {
      await bearable(async () => {
        const connection = await connectRaw(gateway.port);
        const stream = (i: number) => 2 * i + 1;
        const whole = (i: number) =>
          Buffer.concat([
            frame(Frame.HEADERS, END_HEADERS, stream(i), open),
            frame(Frame.DATA, later === 0 ? 0 : END_STREAM, stream(i), body),
          ]);
        const reset = (i: number) => frame(Frame.RST_STREAM, 0, stream(i), uint32(8));
        const taken = await flood(
          connection,
          100_000,
          (i) => (i < later ? whole(i) : Buffer.concat([whole(i), reset(i - later)])),
          10,
        );
        expect(taken).toBeLessThan(100_000);
        await closes(connection, 5_000);
      });
    },
  );
});

test('a header list without an end ends the connection', async () => {
  await bearable(async () => {
    const connection = await connectRaw(gateway.port);
    await connection.write(frame(Frame.HEADERS, 0, 1, head));
    const piece = headerBlock({ x: 'y'.repeat(1_000) });
    const taken = await flood(connection, 100_000, () => frame(Frame.CONTINUATION, 0, 1, piece), 10);
    // What the sockets on the way hold, and no more.
    expect(taken).toBeLessThan(50_000);
    await closes(connection, 5_000);
  });
});

test('empty pieces of a header list without an end end the connection', async () => {
  await bearable(async () => {
    const connection = await connectRaw(gateway.port);
    await connection.write(frame(Frame.HEADERS, 0, 1, head));
    const taken = await flood(connection, 1_000_000, () => frame(Frame.CONTINUATION, 0, 1));
    expect(taken).toBeLessThan(1_000_000);
    await closes(connection, 5_000);
  });
});

test.each([
  ['settings', () => frame(Frame.SETTINGS, 0, 0, setting(3, 100))],
  ['pings', () => frame(Frame.PING, 0, 0, Buffer.alloc(8))],
  ['empty data', () => frame(Frame.DATA, 0, 1)],
  ['window updates', () => frame(Frame.WINDOW_UPDATE, 0, 0, uint32(1))],
])('a flood of %s costs little', async (_name, next) => {
  await bearable(async () => {
    const connection = await connectRaw(gateway.port);
    await connection.write(frame(Frame.HEADERS, END_HEADERS, 1, head));
    await flood(connection, 200_000, next, 1_000);
    connection.socket.destroy();
  });
});

test.each([
  ['settings', () => frame(Frame.SETTINGS, 0, 0, setting(3, 100))],
  ['pings', () => frame(Frame.PING, 0, 0, Buffer.alloc(8))],
])('a flood of %s whose answers nobody reads ends the connection', async (_name, next) => {
  await bearable(async () => {
    const connection = await connectRaw(gateway.port);
    connection.socket.pause();
    const ended = flood(connection, 2_000_000, next, 1_000);
    const late = new Promise<number>((resolve) => setTimeout(resolve, 3_000, -1));
    await Promise.race([ended, late]);
    connection.socket.destroy();
  });
});

test('answers that nobody gives room for are given up', async () => {
  const message = ChatCompletionRequest.encode(
    ChatCompletionRequest.fromPartial({ model: 'sim:tokens=2000,tps=100000', messages: [{ role: 3, content: 'Hi' }] }),
  ).finish();
  const call = headOf('/llmbridge.v1.ChatService/StreamChatCompletion', 'application/grpc');
  await bearable(async () => {
    // No window for any stream, ever.
    const connection = await connectRaw(gateway.port, setting(4, 0));
    await flood(
      connection,
      300,
      (i) =>
        Buffer.concat([
          frame(Frame.HEADERS, END_HEADERS, 2 * i + 1, call),
          frame(Frame.DATA, END_STREAM, 2 * i + 1, envelope(message)),
        ]),
      10,
    );
    const inFlight = async () => {
      const page = await (await fetch(`${gateway.url}/metrics`)).text();
      return [...page.matchAll(/^llmbridge_requests_in_flight\{.*protocol="grpc".*\} (\d+)$/gm)].reduce(
        (sum, [, count]) => sum + Number(count),
        0,
      );
    };
    await expect.poll(inFlight, { timeout: 5_000 }).toBeGreaterThan(200);
    await expect.poll(inFlight, { timeout: 10_000 }).toBe(0);
    connection.socket.destroy();
  });
}, 30_000);

test('a connection that stops after its preface, or within a header list, is closed in time', async () => {
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
  const half = Buffer.concat([
    Buffer.from(preface),
    frame(Frame.SETTINGS, 0, 0),
    frame(Frame.HEADERS, 0, 1, head).subarray(0, 20),
  ]);
  for (const start of [preface, half])
    expect(await drip(gateway.port, start, 60_000, '')).toBeLessThan(2 * headersTimeout + 3_000);
});

test('bodies that come slowly are refused in time', async () => {
  const connection = await connectRaw(gateway.port);
  const begun = performance.now();
  await connection.write(frame(Frame.HEADERS, END_HEADERS, 1, head));
  const timer = setInterval(() => void connection.write(frame(Frame.DATA, 0, 1, Buffer.from(' '))), 100);
  await expect.poll(() => connection.received, { timeout: 8_000 }).toContain(Frame.HEADERS);
  clearInterval(timer);
  expect(performance.now() - begun).toBeLessThan(4_000);
  connection.socket.destroy();
});
