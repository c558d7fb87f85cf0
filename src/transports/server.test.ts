import { once } from 'node:events';
import * as http from 'node:http';
import * as http2 from 'node:http2';
import * as net from 'node:net';
import { ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { afterEach, expect, it } from 'vitest';
import { ErrorInfoSchema } from '../../gen/es/google/rpc/error_details_pb.ts';
import { Health, HealthCheckResponse_ServingStatus } from '../../gen/es/health/v1/health_pb.ts';
import { ChatService } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { chat, chunk, type Stream, streamPath } from '../../test/support/chat.ts';
import { openPort, type Port } from '../../test/support/port.ts';
import type { ServerOptions } from './parts.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function open(stream: Stream, options: Partial<ServerOptions> = {}): Promise<Port> {
  const port = await openPort(chat({ stream }), options);
  closing.push(() => port.server.close());
  return port;
}

/** Streams that send one message and stand still until they are let go, or cancelled. */
function held(): { stream: Stream; release: () => void } {
  const gate = Promise.withResolvers<void>();
  return {
    release: gate.resolve,
    stream: async (call, _request, reply) => {
      reply.message(chunk('first'));
      await Promise.race([
        gate.promise,
        new Promise((_resolve, reject) => {
          call.cancellation.onCancel(reject);
        }),
      ]);
      reply.message(chunk('last'));
    },
  };
}

const transports = (baseUrl: string) => [
  createGrpcTransport({ baseUrl }),
  createConnectTransport({ baseUrl, httpVersion: '1.1' }),
];

/** Starts 50 streams over HTTP/1.1 and HTTP/2; each resolves with what it got, its error included. */
async function start50(port: Port): Promise<Promise<{ ids: string[]; error: ConnectError | undefined }>[]> {
  const clients = transports(port.url).map((transport) => createClient(ChatService, transport));
  const firsts: Promise<void>[] = [];
  const streams = Array.from({ length: 25 }, () => clients)
    .flat()
    .map((client) => {
      const first = Promise.withResolvers<void>();
      firsts.push(first.promise);
      return (async () => {
        const ids: string[] = [];
        try {
          for await (const { id } of client.streamChatCompletion({})) {
            ids.push(id);
            first.resolve();
          }
          return { ids, error: undefined };
        } catch (thrown) {
          return { ids, error: ConnectError.from(thrown) };
        }
      })();
    });
  await Promise.all(firsts);
  return streams;
}

it('drains 50 open streams without losing one', async () => {
  const { stream, release } = held();
  const port = await open(stream);
  const streams = await start50(port);
  expect(port.server.inFlight).toBe(50);

  const drained = port.server.drain();
  expect(port.readiness.isServing('')).toBe(false);
  const refused = net.connect(port.port, '127.0.0.1');
  await expect(once(refused, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });

  release();
  for (const { ids, error } of await Promise.all(streams)) {
    expect(error).toBeUndefined();
    expect(ids).toEqual(['first', 'last']);
  }
  expect(await drained).toBe(0);
  expect(port.ended.map(({ fault }) => fault)).toEqual(Array(50).fill(undefined));
});

it('tells those that are left at the drain timeout, and ends', async () => {
  const { stream } = held();
  const port = await open(stream, { drainTimeoutMs: 50 });
  const streams = await start50(port);
  expect(await port.server.drain()).toBe(50);
  for (const { ids, error } of await Promise.all(streams)) {
    expect(ids).toEqual(['first']);
    expect(error?.findDetails(ErrorInfoSchema)[0]?.reason).toBe('SHUTTING_DOWN');
  }
  expect(port.ended.map(({ fault }) => fault?.reason)).toEqual(Array(50).fill('SHUTTING_DOWN'));
});

it('serves what its GOAWAY names, and tells so', async () => {
  const { stream, release } = held();
  const port = await open(stream);
  const session = http2.connect(port.url);
  const goneAway = once(session, 'goaway');
  const client = session.request({ ':method': 'POST', ':path': streamPath, 'content-type': 'application/grpc' });
  client.end(Buffer.alloc(5));
  await once(client, 'response');
  const drained = port.server.drain();
  const [code, lastStream] = (await goneAway) as [number, number];
  expect([code, lastStream]).toEqual([0, client.id]);
  release();
  const [trailers] = (await once(client.resume(), 'trailers')) as [http2.IncomingHttpHeaders];
  expect(trailers['grpc-status']).toBe('0');
  expect(await drained).toBe(0);
});

it('closes idle connections at once, and those in use after their answer', async () => {
  const { stream, release } = held();
  const port = await open(stream);
  const idle = net.connect(port.port, '127.0.0.1');
  idle.write('GET /nowhere HTTP/1.1\r\nhost: a\r\n\r\n');
  await once(idle, 'data');
  const agent = new http.Agent({ keepAlive: true });
  closing.push(() => agent.destroy());
  const request = http.request(`${port.url}/llmbridge.v1.ChatService/StreamChatCompletion`, {
    agent,
    method: 'POST',
    headers: { 'content-type': 'application/grpc-web+proto' },
  });
  request.end(Buffer.alloc(5));
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const gone = once(idle.resume(), 'close');
  const drained = port.server.drain();
  await gone;
  release();
  response.resume();
  await once(response, 'end');
  await drained;
});

it('tells health watchers and lets them go', async () => {
  const port = await open(held().stream);
  const [grpc] = transports(port.url);
  if (grpc === undefined) throw new Error('no transport');
  const seen: HealthCheckResponse_ServingStatus[] = [];
  const watching = (async () => {
    for await (const { status } of createClient(Health, grpc).watch({})) {
      seen.push(status);
      if (seen.length === 1) void port.server.drain();
    }
  })();
  const reason = await watching.catch((thrown: unknown) => ConnectError.from(thrown));
  expect(seen).toEqual([HealthCheckResponse_ServingStatus.SERVING, HealthCheckResponse_ServingStatus.NOT_SERVING]);
  expect(reason?.findDetails(ErrorInfoSchema)[0]?.reason).toBe('SHUTTING_DOWN');
});

it('closes at once when it is told to', async () => {
  const port = await open(held().stream);
  const streams = await start50(port);
  await port.server.close();
  for (const { error } of await Promise.all(streams)) expect(error).toBeDefined();
  expect(port.ended.length).toBe(50);
});

it('tells a slow sender once that it is late, and serves on where it ends after all', async () => {
  const port = await open(held().stream, { requestTimeoutMs: 50, headersTimeoutMs: 80 });
  const socket = net.connect(port.port, '127.0.0.1');
  closing.push(() => socket.destroy());
  const head = 'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 11';
  socket.write(`${head}\r\n\r\n{`);
  const [late] = (await once(socket, 'data')) as [Buffer];
  expect(late.toString()).toMatch(/^HTTP\/1\.1 408 /);
  const answers = once(socket, 'data') as Promise<[Buffer]>;
  for (let sent = 1; sent < 11; sent++) {
    await new Promise<void>((resolve) => socket.write(' ', () => resolve()));
  }
  socket.write('GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n');
  const [next] = await answers;
  expect(next.toString()).toMatch(/^HTTP\/1\.1 404 /);
});
