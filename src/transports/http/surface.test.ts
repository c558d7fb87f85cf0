import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import net from 'node:net';
import {
  brotliCompressSync,
  brotliDecompressSync,
  deflateSync,
  gunzipSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import { create } from '@bufbuild/protobuf';
import { afterEach, describe, expect, test } from 'vitest';
import {
  type ChatCompletionRequest,
  type ChatCompletionResponse,
  ChatCompletionResponseSchema,
  ChatService,
  FinishReason,
  type StreamChatCompletionResponse,
  StreamChatCompletionResponseSchema,
} from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import {
  CheckHealthResponseSchema,
  HealthService,
  HealthStatus,
} from '../../../gen/es/llmbridge/v1/health_service_pb.ts';
import {
  type GetModelRequest,
  GetModelResponseSchema,
  ListModelsResponseSchema,
  ModelService,
} from '../../../gen/es/llmbridge/v1/model_service_pb.ts';
import type { Call } from '../../kernel/call.ts';
import { systemClock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Gate } from '../../kernel/gate.ts';
import { type Method, rpc } from '../../kernel/method.ts';
import { createCalls } from '../calls.ts';

import type { MetricsPage } from '../parts.ts';
import { createHttpSurface } from './surface.ts';

type Chat = Method<ChatCompletionRequest, ChatCompletionResponse>;
type Stream = Method<ChatCompletionRequest, StreamChatCompletionResponse>;

interface Gateway {
  chat?: Chat;
  stream?: Stream;
  health?: HealthStatus;
  gate?: Gate;
  metrics?: MetricsPage;
  maxRequestBytes?: number;
  requestTimeoutMs?: number;
  stalledReaderMs?: number;
}

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

const answer = (content: string) =>
  create(ChatCompletionResponseSchema, {
    id: 'c1',
    model: 'm',
    choices: [{ message: { content }, finishReason: FinishReason.STOP }],
  });
const piece = (content: string) =>
  create(StreamChatCompletionResponseSchema, { id: 'c1', choices: [{ delta: { content } }] });

/** A surface on a free port over both versions of HTTP, with the calls that ended. */
async function serve(gateway: Gateway = {}) {
  const ended: { call: Call; fault: Fault | undefined }[] = [];
  let heard: (() => void) | undefined;
  const calls = createCalls({
    clock: systemClock,
    trustedProxies: [],
    observer: {
      begin: () => {},
      end: (call, fault) => {
        ended.push({ call, fault });
        heard?.();
      },
    },
  });
  const rpcs = [
    rpc(
      ChatService.method.chatCompletion,
      gateway.chat ?? (async (_call, _request, reply) => void reply.message(answer('hi'))),
    ),
    rpc(
      ChatService.method.streamChatCompletion,
      gateway.stream ??
        (async (_call, _request, reply) => {
          reply.message(piece('a'));
          reply.message(piece('b'));
        }),
    ),
    rpc(ModelService.method.listModels, async (_call, _request, reply) => {
      reply.message(create(ListModelsResponseSchema, { models: [{ id: 'fast', created: 3, ownedBy: 'llm-bridge' }] }));
    }),
    rpc<GetModelRequest, never>(ModelService.method.getModel, async (_call, { id }, reply) => {
      if (id === 'none') throw new Fault('MODEL_NOT_FOUND', 'no such model');
      const model = { id, ownedBy: 'p', contextLength: 128_000, pricing: { prompt: 0.15 }, capabilities: ['tools'] };
      reply.message(create(GetModelResponseSchema, { model }) as never);
    }),
    rpc(HealthService.method.checkHealth, async (_call, _request, reply) => {
      reply.message(
        create(CheckHealthResponseSchema, {
          status: gateway.health ?? HealthStatus.SERVING,
          version: '1',
          components: [{ name: 'provider/x', status: HealthStatus.DISABLED, message: 'no key' }],
        }),
      );
    }),
  ];
  const { handle } = createHttpSurface(
    {
      rpcs,
      gate: gateway.gate ?? { authenticate: () => {} },
      clock: systemClock,
      ...(gateway.metrics && { metrics: gateway.metrics }),
    },
    {
      maxRequestBytes: gateway.maxRequestBytes ?? 100_000,
      requestTimeoutMs: gateway.requestTimeoutMs ?? 10_000,
      stalledReaderMs: gateway.stalledReaderMs ?? 10_000,
    },
    calls,
  );
  const h1 = http.createServer(handle as http.RequestListener).listen(0, '127.0.0.1');
  const h2 = http2.createServer(handle as never).listen(0, '127.0.0.1');
  await Promise.all([once(h1, 'listening'), once(h2, 'listening')]);
  const session = http2.connect(`http://127.0.0.1:${(h2.address() as AddressInfo).port}`);
  stops.push(() => {
    session.destroy();
    h2.close();
    h1.close();
    h1.closeAllConnections();
  });
  const port = (h1.address() as AddressInfo).port;
  return {
    port,
    session,
    ended,
    calls,
    /** Resolves when `count` calls have ended. */
    async whenEnded(count = 1) {
      while (ended.length < count) await new Promise<void>((resolve) => (heard = resolve));
    },
    fetch: (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init),
    chat: (body: unknown, headers: Record<string, string> = {}) =>
      fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: (typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)) as NonNullable<
          RequestInit['body']
        >,
      }),
  };
}

const ask = { model: 'm', messages: [{ role: 'user', content: 'x' }] };
const askStream = { ...ask, stream: true };
const errorOf = async (reply: Response) => ((await reply.json()) as { error: Record<string, unknown> }).error;

describe('a whole answer', () => {
  test('is JSON in the shape of OpenAI, with the ids of the call', async () => {
    const { chat, ended, whenEnded } = await serve();
    const reply = await chat(ask, { 'x-request-id': 'mine' });
    expect(reply.status).toBe(200);
    expect(Object.fromEntries(reply.headers)).toMatchObject({
      'content-type': 'application/json',
      'x-request-id': 'mine',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
    expect(await reply.json()).toMatchObject({
      id: 'c1',
      object: 'chat.completion',
      choices: [{ message: { content: 'hi' } }],
    });
    await whenEnded();
    expect(ended).toMatchObject([
      { call: { method: '/llmbridge.v1.ChatService/ChatCompletion', streaming: false }, fault: undefined },
    ]);
  });

  test('gives the method the request, and its text where it is plain', async () => {
    const seen: [Call, ChatCompletionRequest][] = [];
    const { chat } = await serve({
      chat: async (call, request, reply) => {
        seen.push([call, request]);
        reply.message(answer('hi'));
      },
    });
    await chat(ask);
    await chat({ ...ask, provider: 'p' });
    expect(seen.map(([call, request]) => [call.source?.json, request.provider])).toEqual([
      [JSON.stringify(ask), ''],
      [undefined, 'p'],
    ]);
  });

  test.each([
    ['gzip', gunzipSync],
    ['br', brotliDecompressSync],
  ])('is compressed with %s when it is long and the caller takes it', async (coding, open) => {
    const { port } = await serve({
      chat: async (_call, _request, reply) => void reply.message(answer('long '.repeat(1000))),
    });
    const request = http.request({
      port,
      host: '127.0.0.1',
      path: '/v1/chat/completions',
      method: 'POST',
      headers: { 'content-type': 'application/json', 'accept-encoding': `identity;q=0, ${coding}` },
    });
    request.end(JSON.stringify(ask));
    const [reply] = (await once(request, 'response')) as [http.IncomingMessage];
    expect(reply.headers['content-encoding']).toBe(coding);
    const bytes = Buffer.concat(await reply.toArray());
    expect(Number(reply.headers['content-length'])).toBe(bytes.length);
    expect(JSON.parse(open(bytes).toString())).toMatchObject({ id: 'c1' });
  });

  test('works over HTTP/2', async () => {
    const { session } = await serve();
    const stream = session.request({
      ':path': '/v1/chat/completions',
      ':method': 'POST',
      'content-type': 'application/json',
    });
    stream.end(JSON.stringify(ask));
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader];
    expect(headers[':status']).toBe(200);
    expect(JSON.parse((await stream.toArray()).join(''))).toMatchObject({ object: 'chat.completion' });
  });
});

describe('a streamed answer', () => {
  test('is a row of events with [DONE] at its end', async () => {
    const { chat, ended, whenEnded } = await serve();
    const reply = await chat(askStream, { 'accept-encoding': 'gzip' });
    expect(Object.fromEntries(reply.headers)).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'x-accel-buffering': 'no',
      'cache-control': 'no-cache, no-transform',
    });
    expect(reply.headers.get('content-encoding')).toBeNull();
    const events = (await reply.text()).split('\n\n');
    expect(events).toEqual([
      expect.stringContaining('"content":"a"'),
      expect.stringContaining('"content":"b"'),
      'data: [DONE]',
      '',
    ]);
    await whenEnded();
    expect(ended).toMatchObject([
      { call: { method: '/llmbridge.v1.ChatService/StreamChatCompletion', streaming: true }, fault: undefined },
    ]);
  });

  test('that fails before its first chunk is an HTTP error', async () => {
    const { chat } = await serve({
      stream: async () => {
        throw new Fault('RATE_LIMITED', 'slow down', { retryAfterMs: 1500 });
      },
    });
    const reply = await chat(askStream);
    expect(reply.status).toBe(429);
    expect(Object.fromEntries(reply.headers)).toMatchObject({
      'retry-after': '2',
      'retry-after-ms': '1500',
      'x-should-retry': 'true',
    });
    expect(await errorOf(reply)).toEqual({
      message: 'slow down',
      type: 'rate_limit_error',
      param: null,
      code: 'rate_limit_exceeded',
    });
  });

  test('that breaks off says so and has no [DONE]', async () => {
    const { chat, ended, whenEnded } = await serve({
      stream: async (_call, _request, reply) => {
        reply.message(piece('a'));
        throw new Fault('PROVIDER_STREAM_CUT', 'cut');
      },
    });
    const text = await (await chat(askStream)).text();
    expect(text).toContain('"content":"a"');
    expect(text.trimEnd().split('\n\n').at(-1)).toBe(
      'data: {"error":{"message":"cut","type":"api_error","param":null,"code":"provider_stream_cut"}}',
    );
    await whenEnded();
    expect(ended[0]?.fault?.reason).toBe('PROVIDER_STREAM_CUT');
  });

  test('waits for a caller that reads slowly', async () => {
    const drained = Promise.withResolvers<boolean>();
    const { port } = await serve({
      stream: async (_call, _request, reply) => {
        let sent = 0;
        while (reply.message(piece('x'.repeat(10_000)))) sent++;
        reply.onDrain(() => drained.resolve(sent > 0));
        await drained.promise;
      },
    });
    const request = http.request({
      port,
      host: '127.0.0.1',
      path: '/v1/chat/completions',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    });
    request.end(JSON.stringify(askStream));
    const [reply] = (await once(request, 'response')) as [http.IncomingMessage];
    reply.pause();
    reply.resume();
    expect(await drained.promise).toBe(true);
    const text = (await reply.toArray()).join('');
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
  });

  test('cuts off a caller that does not read its stream', async () => {
    const { port, ended, whenEnded } = await serve({
      stalledReaderMs: 50,
      stream: (call, _request, reply) =>
        new Promise((_resolve, reject) => {
          call.cancellation.onCancel(reject);
          const push = (): void => {
            while (call.cancellation.fault === undefined && reply.message(piece('x'.repeat(100_000))));
            if (call.cancellation.fault === undefined) reply.onDrain(push);
          };
          push();
        }),
    });
    const request = http.request({
      port,
      host: '127.0.0.1',
      path: '/v1/chat/completions',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    });
    request.on('error', () => {});
    request.end(JSON.stringify(askStream));
    const [reply] = (await once(request, 'response')) as [http.IncomingMessage];
    reply.on('error', () => {}).pause();
    await whenEnded();
    expect(ended[0]?.fault).toMatchObject({ reason: 'CANCELLED', message: 'the caller does not read its answer' });
    request.destroy();
  });

  test.each(['chat', 'stream'] as const)('a caller that goes away cancels its %s call', async (kind) => {
    const cancelled = Promise.withResolvers<Fault>();
    const begun = Promise.withResolvers<void>();
    const hang = (call: Call) =>
      new Promise<never>((_resolve, reject) => {
        begun.resolve();
        call.cancellation.onCancel((fault) => {
          cancelled.resolve(fault);
          reject(fault);
        });
      });
    const { port, ended, whenEnded } = await serve({ chat: (call) => hang(call), stream: (call) => hang(call) });
    const request = http.request({
      port,
      host: '127.0.0.1',
      path: '/v1/chat/completions',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    });
    request.on('error', () => {});
    request.end(JSON.stringify(kind === 'chat' ? ask : askStream));
    await begun.promise;
    request.destroy();
    expect((await cancelled.promise).reason).toBe('CANCELLED');
    await whenEnded();
    expect(ended.map(({ fault }) => fault?.reason)).toEqual(['CANCELLED']);
  });
});

test.each(['before the first chunk', 'between chunks'])('a reset on HTTP/2 %s cancels the call', async (when) => {
  const begun = Promise.withResolvers<void>();
  const { session, ended, whenEnded } = await serve({
    stream: (call, _request, reply) =>
      new Promise<never>((_resolve, reject) => {
        call.cancellation.onCancel(reject);
        if (when === 'between chunks') reply.message(piece('a'));
        begun.resolve();
      }),
  });
  const headers = { ':path': '/v1/chat/completions', ':method': 'POST', 'content-type': 'application/json' };
  const stream = session.request(headers);
  stream.on('error', () => {});
  stream.end(JSON.stringify(askStream));
  await begun.promise;
  if (when === 'between chunks') await once(stream, 'data');
  stream.close(http2.constants.NGHTTP2_CANCEL);
  await whenEnded();
  expect(ended.map(({ fault }) => fault?.reason)).toEqual(['CANCELLED']);
});

describe('what is asked for by path', () => {
  test('models, in the shape of OpenAI', async () => {
    const { fetch } = await serve();
    expect(await (await fetch('/v1/models')).json()).toEqual({
      object: 'list',
      data: [{ id: 'fast', object: 'model', created: 3, owned_by: 'llm-bridge' }],
    });
    expect(await (await fetch('/v1/models/p/a%20b')).json()).toEqual({
      id: 'p/a b',
      object: 'model',
      created: 0,
      owned_by: 'p',
      context_length: 128_000,
      capabilities: ['tools'],
      pricing: { prompt: 0.15 },
    });
    const missing = await fetch('/v1/models/none');
    expect([missing.status, (await errorOf(missing))['code']]).toEqual([404, 'model_not_found']);
  });

  test.each([
    [HealthStatus.SERVING, 200, 'serving'],
    [HealthStatus.DEGRADED, 200, 'degraded'],
    [HealthStatus.NOT_SERVING, 503, 'not_serving'],
  ])('health %i', async (health, status, word) => {
    const { fetch } = await serve({ health });
    const reply = await fetch('/health/ready');
    expect(reply.status).toBe(status);
    expect(await reply.json()).toEqual({
      status: word,
      version: '1',
      uptime_seconds: 0,
      components: [{ name: 'provider/x', status: 'disabled', message: 'no key' }],
    });
  });

  test('HEAD has the headers of GET and no body', async () => {
    const { fetch, session } = await serve();
    const reply = await fetch('/v1/models', { method: 'HEAD' });
    expect([reply.status, Number(reply.headers.get('content-length')) > 0, await reply.text()]).toEqual([
      200,
      true,
      '',
    ]);
    const stream = session.request({ ':path': '/v1/models', ':method': 'HEAD' }).end();
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader];
    expect([headers[':status'], (await stream.toArray()).length]).toEqual([200, 0]);
  });

  test('metrics, where they are on', async () => {
    const { fetch } = await serve({
      metrics: { contentType: 'text/plain; version=0.0.4', text: async () => 'up 1\n' },
    });
    const reply = await fetch('/metrics');
    expect([reply.headers.get('content-type'), await reply.text()]).toEqual(['text/plain; version=0.0.4', 'up 1\n']);
    expect((await fetch('/metrics', { method: 'POST' })).status).toBe(405);
    expect((await (await serve()).fetch('/metrics')).status).toBe(404);
  });

  test.each([
    ['GET', '/nowhere', 'ROUTE_NOT_FOUND'],
    ['DELETE', '/v1/models', 'METHOD_NOT_ALLOWED'],
    ['GET', '/v1/models/%zz', 'FIELD_INVALID'],
    ['GET', '/v1/models?provider=%zz', 'FIELD_INVALID'],
  ])('a refusal has an id and ends a call: %s %s', async (method, path, reason) => {
    const { fetch, ended, whenEnded } = await serve();
    const reply = await fetch(path, { method, headers: { 'x-request-id': 'mine' } });
    expect(reply.headers.get('x-request-id')).toBe('mine');
    await whenEnded();
    expect(ended).toMatchObject([{ call: { id: 'mine', protocol: 'http' }, fault: { reason } }]);
    if (!path.includes('?')) expect(ended[0]?.call.method).toBe('unknown');
  });

  test('an unknown path is 404, a wrong verb 405 with what is allowed', async () => {
    const { fetch } = await serve();
    const unknown = await fetch('/v1/nothing?x=1', { method: 'POST', body: 'x' });
    expect([unknown.status, (await errorOf(unknown))['code']]).toEqual([404, 'unknown_url']);
    const wrong = await fetch('/v1/chat/completions');
    expect([wrong.status, wrong.headers.get('allow'), (await errorOf(wrong))['code']]).toEqual([
      405,
      'POST',
      'method_not_allowed',
    ]);
    const options = await fetch('/v1/models', { method: 'OPTIONS' });
    expect([options.status, options.headers.get('allow')]).toEqual([204, 'GET, HEAD']);
    expect((await fetch('/v1/models/%zz')).status).toBe(400);
  });
});

describe('who may call is decided from the headers alone', () => {
  test.each<[string, Gate]>([
    [
      'at once',
      {
        authenticate: () => {
          throw new Fault('CREDENTIAL_INVALID', 'no');
        },
      },
    ],
    ['later', { authenticate: () => Promise.reject(new Fault('CREDENTIAL_INVALID', 'no')) }],
  ])('refused %s, before the body is read', async (_when, gate) => {
    const { port } = await serve({ gate });
    const socket = net.connect(port, '127.0.0.1');
    socket.write(
      'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n',
    );
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    expect(bytes.toString()).toMatch(/^HTTP\/1\.1 401 [\s\S]*www-authenticate: Bearer/);
  });
});

describe('bodies', () => {
  test.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
    ['identity', (bytes: Buffer) => bytes],
  ] as const)('in %s', async (coding, compress) => {
    const { chat } = await serve();
    const reply = await chat(compress(Buffer.from(JSON.stringify(ask))), { 'content-encoding': coding });
    expect(reply.status).toBe(200);
  });

  test.each([
    ['not JSON', '{', {}, 400, 'invalid_json'],
    ['a wrong field', { ...ask, temperature: 'hot' }, {}, 400, null],
    ['another media type', ask, { 'content-type': 'text/plain' }, 415, 'unsupported_media_type'],
    ['another charset', ask, { 'content-type': 'application/json; charset=latin1' }, 415, 'unsupported_media_type'],
    ['an unknown coding', ask, { 'content-encoding': 'compress' }, 415, 'unsupported_media_type'],
    ['broken compression', 'xxxx', { 'content-encoding': 'gzip' }, 400, 'invalid_json'],
    ['too much', 'x'.repeat(100_001), {}, 413, 'request_too_large'],
    ['a bomb', gzipSync(Buffer.alloc(10_000_000)), { 'content-encoding': 'gzip' }, 413, 'request_too_large'],
  ])('%s is refused', async (_what, body, headers, status, code) => {
    const { chat } = await serve();
    const reply = await chat(body, headers as Record<string, string>);
    expect([reply.status, (await errorOf(reply))['code']]).toEqual([status, code]);
  });

  test('a wrong field is named in `param`', async () => {
    const { chat } = await serve();
    expect(
      await errorOf(await chat({ ...ask, messages: [{ role: 'user', content: [{ type: 'text', text: 7 }] }] })),
    ).toEqual({
      message: 'messages[0].content[0].text: must be a string',
      type: 'invalid_request_error',
      param: 'messages[0].content[0].text',
      code: null,
    });
  });

  test('+json and a charset of UTF-8 are JSON', async () => {
    const { chat } = await serve();
    expect((await chat(ask, { 'content-type': 'application/vnd.x+json; charset="UTF-8"' })).status).toBe(200);
  });

  test('that are too large are refused as they come, and the connection serves on', async () => {
    const { port, ended, whenEnded } = await serve();
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const post = async (write: (request: http.ClientRequest) => void) => {
      const headers = { 'content-type': 'application/json' };
      const request = http.request({
        agent,
        port,
        host: '127.0.0.1',
        path: '/v1/chat/completions',
        method: 'POST',
        headers,
      });
      write(request);
      const [reply] = (await once(request, 'response')) as [http.IncomingMessage];
      await reply.toArray();
      return [reply.statusCode, request.reusedSocket];
    };
    const large = await post((request) => {
      for (let i = 0; i < 20; i++) request.write('x'.repeat(50_000));
      request.end();
    });
    expect(large).toEqual([413, false]);
    expect(await post((request) => request.end(JSON.stringify(ask)))).toEqual([200, true]);
    agent.destroy();
    await whenEnded(2);
    expect(ended.map(({ fault }) => fault?.reason)).toEqual(['TOO_LARGE', undefined]);
  });

  test('that are far too large are refused so that a caller who writes all of it first reads why', async () => {
    const { port } = await serve();
    const socket = net.connect(port, '127.0.0.1');
    const bytes = 16 * 1024 * 1024;
    const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${bytes}`;
    socket.write(`${head}\r\n\r\n`);
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.write(Buffer.alloc(bytes, 'x'), () => resolve());
    });
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 413 [\s\S]*request_too_large/);
    socket.destroy();
  });

  test('that are too large on HTTP/2 harm no other stream', async () => {
    const { session } = await serve();
    const headers = { ':path': '/v1/chat/completions', ':method': 'POST', 'content-type': 'application/json' };
    const large = session.request(headers);
    large.on('error', () => {});
    const small = session.request(headers);
    const statusOf = async (stream: http2.ClientHttp2Stream) => {
      const [reply] = (await once(stream, 'response')) as [http2.IncomingHttpStatusHeader];
      return reply[':status'];
    };
    const both = Promise.all([statusOf(large), statusOf(small)]);
    large.end('x'.repeat(400_000));
    small.end(JSON.stringify(ask));
    expect(await both).toEqual([413, 200]);
  });

  test('that do not come in time are 408', async () => {
    const { port } = await serve({ requestTimeoutMs: 50 });
    const socket = net.connect(port, '127.0.0.1');
    socket.write(
      'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{',
    );
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    expect(bytes.toString()).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('that break off end their call', async () => {
    const begun = Promise.withResolvers<void>();
    const { port, ended, whenEnded } = await serve({ gate: { authenticate: () => begun.resolve() } });
    const socket = net.connect(port, '127.0.0.1');
    socket.write(
      'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{',
    );
    await begun.promise;
    socket.destroy();
    await whenEnded();
    expect(ended.map(({ fault }) => fault?.reason)).toEqual(['CANCELLED']);
  });
});

test('what is no Fault is told as nothing but an internal error', async () => {
  const { chat, ended, whenEnded } = await serve({
    chat: async () => {
      throw new TypeError('secret of the house');
    },
  });
  const reply = await chat(ask);
  expect(reply.status).toBe(500);
  expect(await errorOf(reply)).toEqual({
    message: 'internal error',
    type: 'api_error',
    param: null,
    code: 'internal_error',
  });
  await whenEnded();
  expect(ended[0]?.fault?.detail.cause).toBeInstanceOf(TypeError);
});

test("a refusal by the provider keeps the provider's code; the report tells what was tried", async () => {
  const { chat } = await serve({
    chat: async (call) => {
      call.report = {
        $typeName: 'llmbridge.v1.GatewayReport',
        requestId: 'r',
        provider: '',
        model: '',
        simulated: false,
        attempts: [],
        parameters: [],
        cacheHit: false,
        cache: '',
        recovered: '',
      };
      throw new Fault('PROVIDER_REJECTED', 'no such voice', {
        providerCode: 'voice_unknown',
        violations: [{ field: 'audio.voice', description: 'x' }],
      });
    },
  });
  expect(await (await chat(ask)).json()).toEqual({
    error: { message: 'no such voice', type: 'invalid_request_error', param: 'audio.voice', code: 'voice_unknown' },
    llmbridge: { request_id: 'r' },
  });
});
