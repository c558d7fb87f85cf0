import { once } from 'node:events';
import type * as http2 from 'node:http2';
import * as net from 'node:net';
import type { Call } from '../../src/kernel/call.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { Fault } from '../../src/kernel/fault.ts';
import type { Rpc } from '../../src/kernel/method.ts';
import { Readiness } from '../../src/kernel/readiness.ts';
import { defaultServerOptions, type ServerOptions, type ServerParts } from '../../src/transports/parts.ts';
import { createServer, type Server } from '../../src/transports/server.ts';

export interface Port {
  readonly server: Server;
  readonly port: number;
  readonly url: string;
  readonly readiness: Readiness;
  /** Calls begun, in order. */
  readonly begun: Call[];
  /** Calls ended, in order, each as often as the observer was told. */
  readonly ended: { readonly call: Call; readonly fault: Fault | undefined }[];
  /** Resolves when `count` calls have begun, or ended. */
  whenBegun(count: number): Promise<void>;
  whenEnded(count: number): Promise<void>;
}

/** A server on a free port of the loopback, with everything that it tells kept. */
export async function openPort(
  rpcs: readonly Rpc[],
  options: Partial<ServerOptions> = {},
  parts: Partial<ServerParts> = {},
): Promise<Port> {
  const readiness = new Readiness(['llmbridge.v1.ChatService']);
  readiness.set(true);
  const begun: Port['begun'] = [];
  const ended: Port['ended'] = [];
  const changes = new Set<() => void>();
  const changed = (): void => {
    for (const change of changes) change();
  };
  const until = (reached: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (!reached()) return;
        changes.delete(check);
        resolve();
      };
      changes.add(check);
      check();
    });
  const server = await createServer(
    {
      rpcs,
      gate: { authenticate() {} },
      observer: {
        begin(call) {
          begun.push(call);
          changed();
        },
        end(call, fault) {
          ended.push({ call, fault });
          changed();
        },
      },
      clock: systemClock,
      readiness,
      ...parts,
    },
    { ...defaultServerOptions, port: 0, ...options },
  );
  const { port } = server;
  return {
    server,
    port,
    url: `http://127.0.0.1:${port}`,
    readiness,
    begun,
    ended,
    whenBegun: (count) => until(() => begun.length >= count),
    whenEnded: (count) => until(() => ended.length >= count),
  };
}

/** Sends bytes over a connection of its own; resolves with all that came back once the server closed it. */
export async function sendRaw(port: number, ...pieces: (string | Uint8Array)[]): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  socket.on('error', () => {});
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1');
  });
  await once(socket, 'connect');
  for (const piece of pieces) {
    socket.write(piece);
    // A turn of the loop for each, so that they leave in packets of their own.
    await new Promise((resolve) => setImmediate(resolve));
  }
  await once(socket, 'close');
  return answer;
}

export interface H2Reply {
  readonly headers: http2.IncomingHttpHeaders;
  readonly trailers: http2.IncomingHttpHeaders;
  readonly body: Buffer;
  /** The stream's reset code, 0 for none. */
  readonly rst: number;
}

/** One request over an HTTP/2 connection, its whole reply awaited. */
export function requestH2(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  body?: Uint8Array | string,
): Promise<H2Reply> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': 'POST', ...headers });
    const chunks: Buffer[] = [];
    let head: http2.IncomingHttpHeaders = {};
    let trailers: http2.IncomingHttpHeaders = {};
    stream.once('response', (got) => {
      head = got;
    });
    stream.once('trailers', (got) => {
      trailers = got;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.once('error', reject);
    stream.once('close', () =>
      resolve({ headers: head, trailers, body: Buffer.concat(chunks), rst: stream.rstCode ?? 0 }),
    );
    stream.end(body);
  });
}

/** A message in a gRPC envelope. */
export function envelope(message: Uint8Array, flags = 0): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
