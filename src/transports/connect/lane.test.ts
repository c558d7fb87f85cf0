import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import * as http from 'node:http';
import * as http2 from 'node:http2';
import * as net from 'node:net';
import { create, toBinary } from '@bufbuild/protobuf';
import { type Client, Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { afterEach, describe, expect, it } from 'vitest';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  QuotaFailureSchema,
  RetryInfoSchema,
} from '../../../gen/es/google/rpc/error_details_pb.ts';
import { ChatCompletionRequestSchema, ChatService } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { CheckHealthResponseSchema, HealthService } from '../../../gen/es/llmbridge/v1/health_service_pb.ts';
import { chat, chunk, response, type Stream, streamPath, type Unary, unaryPath } from '../../../test/support/chat.ts';
import { envelope, openPort, type Port, requestH2 } from '../../../test/support/port.ts';
import type { Call } from '../../kernel/call.ts';
import { Fault } from '../../kernel/fault.ts';
import { rpc } from '../../kernel/method.ts';
import type { ServerOptions, ServerParts } from '../parts.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function openWith(
  methods: { unary?: Unary; stream?: Stream } = {},
  options: Partial<ServerOptions> = {},
  parts: Partial<ServerParts> = {},
): Promise<Port> {
  const port = await openPort(chat(methods), options, parts);
  closing.push(() => port.server.close());
  return port;
}

function connect({ url }: Port): http2.ClientHttp2Session {
  const session = http2.connect(url);
  session.on('error', () => {});
  closing.push(() => session.destroy());
  return session;
}

type Make = (baseUrl: string) => Transport;
const grpc: Make = (baseUrl) => createGrpcTransport({ baseUrl });
const transports: Record<string, Make> = {
  gRPC: grpc,
  'gRPC-web over HTTP/1.1': (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' }),
  'gRPC-web over HTTP/2': (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '2' }),
  'Connect over HTTP/1.1': (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '1.1' }),
  'Connect over HTTP/2': (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '2', useBinaryFormat: true }),
};
const clientOf = (make: Make, { url }: Port): Client<typeof ChatService> => createClient(ChatService, make(url));

const collect = async <T>(messages: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const message of messages) all.push(message);
  return all;
};
const rejection = (promise: Promise<unknown>): Promise<ConnectError> =>
  promise.then(
    () => expect.fail('no error came'),
    (thrown: unknown) => ConnectError.from(thrown),
  );

const everyWay = Object.entries(transports).flatMap(([name, make]): [string, Make, Partial<ServerOptions>][] => [
  [name, make, {}],
  [`${name}, lanes off`, make, { lanes: false }],
]);

describe.each(everyWay)('%s', (_name, make, options) => {
  const open = (
    methods: { unary?: Unary; stream?: Stream } = {},
    more: Partial<ServerOptions> = {},
    parts: Partial<ServerParts> = {},
  ): Promise<Port> => openWith(methods, { ...options, ...more }, parts);

  it('answers a unary call', async () => {
    const port = await open();
    const { id } = await clientOf(make, port).chatCompletion({ model: 'm' });
    expect(id).toBe('m');
    await port.whenEnded(1);
    expect(port.ended).toMatchObject([{ call: { method: unaryPath, streaming: false }, fault: undefined }]);
  });

  it('answers a stream', async () => {
    const port = await open();
    const chunks = await collect(clientOf(make, port).streamChatCompletion({ model: 'abc' }));
    expect(chunks.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    await port.whenEnded(1);
    expect(port.ended).toMatchObject([{ call: { method: streamPath, streaming: true }, fault: undefined }]);
  });

  it('tells a fault with its details, before and amid a stream', async () => {
    const fault = new Fault('RATE_LIMITED', 'too many – wait', {
      metadata: { tier: 'user' },
      violations: [{ field: 'model', description: 'bad' }],
      quota: [{ subject: 'user:a', description: '10/s' }],
      retryAfterMs: 1_500,
    });
    const port = await open({
      unary: async () => {
        throw fault;
      },
      stream: async (_call, _request, reply) => {
        reply.message(chunk('a'));
        throw fault;
      },
    });
    const client = clientOf(make, port);
    const seen: string[] = [];
    const stream = async (): Promise<void> => {
      for await (const { id } of client.streamChatCompletion({})) seen.push(id);
    };
    for (const error of [await rejection(client.chatCompletion({})), await rejection(stream())]) {
      expect(error.code).toBe(Code.ResourceExhausted);
      expect(error.rawMessage).toBe('too many – wait');
      expect(error.findDetails(ErrorInfoSchema)).toMatchObject([
        { reason: 'RATE_LIMITED', domain: 'llmbridge', metadata: { tier: 'user' } },
      ]);
      expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations[0]).toMatchObject({ field: 'model' });
      expect(error.findDetails(QuotaFailureSchema)[0]?.violations[0]).toMatchObject({ subject: 'user:a' });
      expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay).toMatchObject({ seconds: 1n, nanos: 500_000_000 });
    }
    expect(seen).toEqual(['a']);
    await port.whenEnded(2);
    expect(port.ended.map((end) => end.fault)).toEqual([fault, fault]);
  });

  it('tells nothing of an error that is no fault', async () => {
    const port = await open({
      unary: async () => {
        throw new Error('secret');
      },
    });
    const error = await rejection(clientOf(make, port).chatCompletion({}));
    expect(error.code).toBe(Code.Internal);
    expect(error.rawMessage).toBe('internal error');
    await port.whenEnded(1);
    expect(port.ended[0]?.fault?.cause).toEqual(new Error('secret'));
  });

  it('cancels the call when the caller goes away', async () => {
    const cancelled = Promise.withResolvers<Fault>();
    const port = await open({
      stream: (call, _request, reply) => {
        reply.message(chunk('a'));
        return new Promise((_resolve, reject) => {
          call.cancellation.onCancel((fault) => {
            cancelled.resolve(fault);
            reject(fault);
          });
        });
      },
    });
    const abort = new AbortController();
    const stream = collect(clientOf(make, port).streamChatCompletion({}, { signal: abort.signal }));
    await port.whenBegun(1);
    abort.abort();
    await rejection(stream);
    expect((await cancelled.promise).reason).toBe('CANCELLED');
    await port.whenEnded(1);
    expect(port.ended).toMatchObject([{ fault: { reason: 'CANCELLED' } }]);
  });

  it('ends a call at its deadline, even if the method does not', async () => {
    const port = await open({ unary: () => new Promise(() => {}), stream: () => new Promise(() => {}) });
    const client = clientOf(make, port);
    const errors = await Promise.all([
      rejection(client.chatCompletion({}, { timeoutMs: 50 })),
      rejection(collect(client.streamChatCompletion({}, { timeoutMs: 50 }))),
    ]);
    expect(errors.map(({ code }) => code)).toEqual([Code.DeadlineExceeded, Code.DeadlineExceeded]);
    await port.whenEnded(2);
    for (const { call } of port.ended) {
      expect(call.deadline).toBeDefined();
      expect(call.cancellation.fault).toBeDefined();
    }
  });

  it('asks the gate before it reads, and tells its refusal', async () => {
    const port = await open(
      {},
      {},
      {
        gate: {
          authenticate(call: Call) {
            if (call.header('authorization') !== 'Bearer ok') throw new Fault('CREDENTIAL_MISSING', 'no credential');
          },
        },
      },
    );
    const client = clientOf(make, port);
    const error = await rejection(client.chatCompletion({ model: 'x'.repeat(1_000_000) }));
    expect(error.code).toBe(Code.Unauthenticated);
    expect(error.findDetails(ErrorInfoSchema)[0]?.reason).toBe('CREDENTIAL_MISSING');
    expect((await client.chatCompletion({ model: 'm' }, { headers: { authorization: 'Bearer ok' } })).id).toBe('m');
    await port.whenEnded(2);
    expect(port.ended.map(({ fault }) => fault?.reason)).toEqual(['CREDENTIAL_MISSING', undefined]);
  });

  it('sends reply headers that the method sets before its first message', async () => {
    const port = await open({
      stream: async (call, _request, reply) => {
        call.replyHeaders['x-provider-id'] = '7';
        reply.message(chunk('a'));
      },
    });
    let headers = new Headers();
    await collect(
      clientOf(make, port).streamChatCompletion(
        {},
        {
          headers: { 'x-request-id': 'mine' },
          onHeader: (got) => {
            headers = got;
          },
        },
      ),
    );
    expect(headers.get('x-provider-id')).toBe('7');
    expect(headers.get('x-request-id')).toBe('mine');
    expect(headers.get('traceparent')).toMatch(/^00-/);
  });

  it('refuses a message that is too large, and the caller gets to read that', async () => {
    const port = await open({}, { maxRequestBytes: 10_000 });
    const client = clientOf(make, port);
    const error = await rejection(client.chatCompletion({ model: 'x'.repeat(2_000_000) }));
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(error.findDetails(ErrorInfoSchema)[0]?.reason).toBe('TOO_LARGE');
    expect((await client.chatCompletion({ model: 'm' })).id).toBe('m');
  });

  it('holds the method up while the caller does not read', async () => {
    const blocked = Promise.withResolvers<void>();
    const total = 300;
    // Which no compression makes small.
    const text = randomBytes(10_000).toString('hex');
    const port = await open({
      stream: (_call, _request, reply) =>
        new Promise((resolve) => {
          let sent = 0;
          const push = (): void => {
            while (sent < total) {
              if (reply.message(chunk(text))) sent++;
              else {
                sent++;
                blocked.resolve();
                reply.onDrain(push);
                return;
              }
            }
            resolve();
          };
          push();
        }),
    });
    const stream = clientOf(make, port).streamChatCompletion({})[Symbol.asyncIterator]();
    await stream.next();
    await blocked.promise;
    let received = 1;
    while (!(await stream.next()).done) received++;
    expect(received).toBe(total);
  });
});

describe.each([true, false])('a body that is not read (lanes %s)', (lanes) => {
  const open = (
    methods: { unary?: Unary; stream?: Stream },
    more: Partial<ServerOptions>,
    parts: Partial<ServerParts> = {},
  ): Promise<Port> => openWith(methods, { lanes, ...more }, parts);

  const refuse = { gate: { authenticate: () => Promise.reject(new Fault('CREDENTIAL_MISSING', 'no credential')) } };
  const large = envelope(Buffer.alloc(3_000_000));

  it('lets an HTTP/2 caller read the refusal, and the connection lives on', async () => {
    const port = await open({}, {}, refuse);
    const session = connect(port);
    const reply = await requestH2(session, { ':path': unaryPath, 'content-type': 'application/grpc' }, large);
    expect(reply.trailers['grpc-status'] ?? reply.headers['grpc-status']).toBe('16');
    const health = { ':path': '/grpc.health.v1.Health/Check', 'content-type': 'application/json' };
    expect((await requestH2(session, health, '{}')).body.toString()).toContain('SERVING');
  });

  it('lets an HTTP/1.1 caller read the refusal, and the connection lives on', async () => {
    const port = await open({}, {}, refuse);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    closing.push(() => agent.destroy());
    const post = async (path: string, body: Uint8Array | string, type: string): Promise<[number, boolean]> => {
      const request = http.request(`${port.url}${path}`, { agent, method: 'POST', headers: { 'content-type': type } });
      request.end(body);
      const [reply] = (await once(request, 'response')) as [http.IncomingMessage];
      reply.resume();
      await once(reply, 'end');
      return [reply.statusCode ?? 0, request.reusedSocket];
    };
    expect(await post(unaryPath, large, 'application/proto')).toEqual([401, false]);
    expect(await post('/grpc.health.v1.Health/Check', '{}', 'application/json')).toEqual([200, true]);
  });

  it('cuts off a caller that never stops sending', async () => {
    const port = await open({}, {}, refuse);
    const stream = connect(port).request({ ':method': 'POST', ':path': unaryPath, 'content-type': 'application/grpc' });
    stream.on('error', () => {});
    stream.resume();
    const pump = (): void => {
      while (!stream.destroyed && stream.write(Buffer.alloc(65_536)));
    };
    stream.on('drain', pump);
    pump();
    await once(stream, 'close');
    await port.whenEnded(1);
    expect(port.ended[0]?.fault?.reason).toBe('CREDENTIAL_MISSING');
  });

  it('is not waited for for ever', async () => {
    const port = await open({}, { requestTimeoutMs: 100 });
    const stream = connect(port).request({ ':method': 'POST', ':path': unaryPath, 'content-type': 'application/grpc' });
    stream.on('error', () => {});
    stream.write(Buffer.from([0, 0]));
    const [trailers] = (await once(stream.resume(), lanes ? 'response' : 'trailers')) as [http2.IncomingHttpHeaders];
    expect(trailers['grpc-status']).toBe('4');
    await port.whenEnded(1);
    expect(port.ended[0]?.fault?.reason).toBe('CALLER_TIMEOUT');
  });
});

describe('unknown methods', () => {
  it('are answered to gRPC with trailers only', async () => {
    const port = await openWith();
    const reply = await requestH2(
      connect(port),
      { ':path': '/llmbridge.v1.ChatService/Nope', 'content-type': 'application/grpc+proto' },
      envelope(Buffer.alloc(0)),
    );
    expect(reply.headers).toMatchObject({ ':status': 200, 'grpc-status': '12', 'grpc-message': 'unknown method' });
    expect(reply.body.length).toBe(0);
    await port.whenEnded(1);
    expect(port.ended).toMatchObject([{ call: { method: 'unknown' }, fault: { reason: 'ROUTE_NOT_FOUND' } }]);
  });

  it.each(Object.entries(transports))('are unimplemented to %s', async (_name, make) => {
    const port = await openWith();
    const { chatCompletion } = ChatService.method;
    const absent = { ...chatCompletion, name: 'Absent' } as typeof chatCompletion;
    const error = await rejection(make(port.url).unary(absent, undefined, undefined, undefined, {}));
    expect(error.code).toBe(Code.Unimplemented);
  });

  it('do not hide an unknown page', async () => {
    const port = await openWith();
    const reply = await requestH2(connect(port), { ':method': 'GET', ':path': '/nowhere.html' });
    expect(reply.headers[':status']).toBe(404);
  });
});

describe.each([true, false])('gRPC-web in base64 (lanes %s)', (lanes) => {
  const request = envelope(
    toBinary(ChatCompletionRequestSchema, create(ChatCompletionRequestSchema, { model: 'abc' })),
  );
  const headers = { ':path': streamPath, 'content-type': 'application/grpc-web-text' };

  it.each([
    ['whole', (text: string) => text],
    ['in lines', (text: string) => text.replace(/.{5}/g, '$&\r\n')],
  ])('is read and written (%s)', async (_name, shape) => {
    const port = await openWith({}, { lanes });
    const reply = await requestH2(connect(port), headers, shape(request.toString('base64')));
    expect(reply.headers['content-type']).toBe('application/grpc-web-text+proto');
    const parts = reply.body.toString().match(/[^=]+=*/g) ?? [];
    const bytes = Buffer.concat(parts.map((part) => Buffer.from(part, 'base64'))).toString('latin1');
    expect(bytes).toContain('grpc-status: 0');
    await port.whenEnded(1);
    expect(port.ended).toMatchObject([{ call: { protocol: 'grpc-web' }, fault: undefined }]);
  });

  it.each(['!!!!', 'AAA', 'AA=A'])('that is none is a typed error: %s', async (body) => {
    const port = await openWith({}, { lanes });
    const reply = await requestH2(connect(port), headers, body);
    const parts = reply.body.toString().match(/[^=]+=*/g) ?? [];
    expect(Buffer.concat(parts.map((part) => Buffer.from(part, 'base64'))).toString()).toContain('grpc-status: 3');
  });
});

describe('a GET of Connect', () => {
  const get = (message: string) => ({
    ':method': 'GET',
    ':path': `/llmbridge.v1.HealthService/CheckHealth?encoding=json&base64=1&message=${message}`,
  });
  const health = rpc(HealthService.method.checkHealth, async (_call, _request, reply) => {
    reply.message(create(CheckHealthResponseSchema, { version: '1' }));
  });

  it.each(['e30', 'e30=', 'e30%3D', ''])('takes base64 with padding and without: %j', async (message) => {
    const port = await openPort([health]);
    closing.push(() => port.server.close());
    const reply = await requestH2(connect(port), get(message));
    // Nothing is no JSON.
    expect(reply.headers[':status']).toBe(message === '' ? 400 : 200);
  });

  it.each(['!!!', 'e', 'e3%2', 'e30*'])('refuses what is none: %j', async (message) => {
    const port = await openPort([health]);
    closing.push(() => port.server.close());
    const reply = await requestH2(connect(port), get(message));
    expect(reply.headers[':status']).toBe(400);
    const { code, details } = JSON.parse(reply.body.toString());
    expect({ code, debug: details[0].debug }).toMatchObject({
      code: 'invalid_argument',
      debug: { reason: 'BODY_INVALID' },
    });
    await port.whenEnded(1);
    expect(port.ended[0]?.fault?.reason).toBe('BODY_INVALID');
  });
});

it.each([true, false])(
  'passes over fields of JSON that the contract does not have, as of binary (lanes %s)',
  async (lanes) => {
    const port = await openWith({}, { lanes });
    const body = '{"model":"m","noSuchField":{"a":[1]},"messages":[{"odd":1}]}';
    const reply = await requestH2(connect(port), { ':path': unaryPath, 'content-type': 'application/json' }, body);
    expect([reply.headers[':status'], reply.body.toString()]).toEqual([200, '{"id":"m"}']);
  },
);

describe.each([true, false])('a deadline that has passed (lanes %s)', (lanes) => {
  it.each([
    ['application/json', 'connect-timeout-ms', '0'],
    ['application/connect+json', 'connect-timeout-ms', '0'],
    ['application/grpc', 'grpc-timeout', '0S'],
    ['application/grpc-web', 'grpc-timeout', '0S'],
  ])('by the headers of %s stops the call before its method', async (type, header, value) => {
    let invoked = false;
    const method = async () => {
      invoked = true;
    };
    const port = await openWith({ unary: method, stream: method }, { lanes });
    const isStream = type.includes('connect+');
    const body = type === 'application/json' ? '{}' : envelope(Buffer.from(isStream ? '{}' : ''));
    const path = isStream ? streamPath : unaryPath;
    await requestH2(connect(port), { ':path': path, 'content-type': type, [header]: value }, body);
    await port.whenEnded(1);
    expect(port.ended[0]?.fault?.reason).toBe('DEADLINE_EXCEEDED');
    expect(invoked).toBe(false);
  });
});

describe('requests that no protocol takes', () => {
  it.each([
    ['GET', 'application/json', 405],
    ['POST', 'text/plain', 415],
    ['POST', undefined, 415],
  ])('%s with %s is %i', async (method, type, status) => {
    const port = await openWith();
    const reply = await requestH2(
      connect(port),
      { ':method': method, ':path': unaryPath, ...(type === undefined ? {} : { 'content-type': type }) },
      method === 'GET' ? undefined : '{}',
    );
    expect(reply.headers[':status']).toBe(status);
    expect(reply.headers[status === 405 ? 'allow' : 'accept-post']).toMatch(status === 405 ? /^POST$/ : /json/);
    await port.whenEnded(1);
    expect(port.ended[0]?.fault).toBeDefined();
  });

  it('gRPC over HTTP/1.1 is 505', async () => {
    const port = await openWith();
    const headers = { 'content-type': 'application/grpc' };
    const request = http.request(`${port.url}${unaryPath}`, { method: 'POST', headers });
    request.end(envelope(Buffer.alloc(0)));
    const [reply] = (await once(request, 'response')) as [http.IncomingMessage];
    expect(reply.statusCode).toBe(505);
    reply.resume();
  });
});

it.each([true, false])('refuses a second message of a unary call (lanes %s)', async (lanes) => {
  const unary: Unary = async (_call, _request, reply) => void reply.message(response('x'));
  const port = await openWith({ unary }, { lanes });
  const twice = Buffer.concat([envelope(Buffer.alloc(0)), envelope(Buffer.alloc(0))]);
  const reply = await requestH2(connect(port), { ':path': unaryPath, 'content-type': 'application/grpc' }, twice);
  expect((lanes ? reply.headers : reply.trailers)['grpc-status']).toBe('12');
  await port.whenEnded(1);
  expect(port.ended[0]?.fault?.reason).toBe('BODY_INVALID');
});

it.each([
  ['HTTP/1.1', true],
  ['HTTP/1.1', false],
  ['HTTP/2', true],
  ['HTTP/2', false],
])('cuts off a caller that does not read its answer (%s, lanes %s)', async (version, lanes) => {
  const cancelled = Promise.withResolvers<Fault>();
  const port = await openWith(
    {
      stream: (call, _request, reply) =>
        new Promise((_resolve, reject) => {
          call.cancellation.onCancel((fault) => {
            cancelled.resolve(fault);
            reject(fault);
          });
          const push = (): void => {
            while (call.cancellation.fault === undefined) {
              if (reply.message(chunk('x'.repeat(100_000)))) continue;
              reply.onDrain(push);
              return;
            }
          };
          push();
        }),
    },
    { stalledReaderMs: 50, lanes },
  );
  if (version === 'HTTP/2') {
    const stream = connect(port).request({
      ':method': 'POST',
      ':path': streamPath,
      'content-type': 'application/grpc',
    });
    stream.on('error', () => {});
    stream.end(envelope(Buffer.alloc(0)));
  } else {
    const headers = { 'content-type': 'application/connect+proto' };
    const request = http.request(`${port.url}${streamPath}`, { method: 'POST', headers });
    request.on('error', () => {});
    request.on('response', (reply) => reply.on('error', () => {}).pause());
    request.end(envelope(Buffer.alloc(0)));
    closing.push(() => request.destroy());
  }
  expect((await cancelled.promise).message).toBe('the caller does not read its answer');
  await port.whenEnded(1);
  expect(port.ended).toMatchObject([{ fault: { reason: 'CANCELLED' } }]);
});

it.each([true, false])(
  'ends every call of a connection that is gone, those that wait behind another too (lanes %s)',
  async (lanes) => {
    const unary: Unary = (call) => new Promise((_resolve, reject) => void call.cancellation.onCancel(reject));
    const port = await openWith({ unary }, { lanes });
    const socket = net.connect(port.port, '127.0.0.1');
    const head = `POST ${unaryPath} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}`;
    socket.write(head.repeat(12));
    await port.whenBegun(12);
    socket.destroy();
    await port.whenEnded(12);
    expect(port.server.inFlight).toBe(0);
    expect(port.ended.map(({ fault }) => fault?.reason)).toEqual(Array(12).fill('CANCELLED'));
  },
);
