import { type EventEmitter, once } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { type ClientHttp2Session, connect as http2Connect } from 'node:http2';
import { connect as tcpConnect } from 'node:net';
import type { Random } from '../support/random.ts';
import { type BadBody, badConnectStream, badGrpc, badJson } from './malformed-bodies.ts';

/** An input that is not right, sent, and what came back. `error` is the typed error; undefined where there was none. */
export interface Outcome {
  readonly surface: string;
  readonly kind: string;
  readonly error: string | undefined;
  /** All that came, for the report of a failure. */
  readonly reply: string;
}

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Resolves when it is closed, after an error too; rejects after ten seconds. */
function closed(emitter: EventEmitter): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('not closed after ten seconds')), 10_000);
    emitter.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** One HTTP/1.1 exchange on a connection of its own. */
async function exchange(port: number, path: string, headers: Record<string, string>, body: Uint8Array): Promise<Reply> {
  const request = httpRequest({ port, host: '127.0.0.1', path, method: 'POST', headers, agent: false });
  request.end(body);
  try {
    const [response] = (await once(request, 'response', { signal: AbortSignal.timeout(10_000) })) as [IncomingMessage];
    // A server may refuse a body before it has all come; what counts is the reply.
    request.on('error', () => {});
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) };
  } catch (error) {
    return { status: 0, headers: {}, body: Buffer.from(String(error)) };
  }
}

const parsed = (body: Buffer): Record<string, unknown> | undefined => {
  try {
    return JSON.parse(body.toString()) as Record<string, unknown>;
  } catch {
    return undefined;
  }
};

const described = ({ status, headers, body }: Reply) =>
  `${status} ${JSON.stringify(headers)} ${body.subarray(0, 300).toString()}`;

async function overJson(port: number, bad: BadBody): Promise<Outcome> {
  const headers = { 'content-type': 'application/json', ...bad.headers };
  const reply = await exchange(port, '/v1/chat/completions', headers, bad.bytes);
  const error = parsed(reply.body)?.['error'] as { type?: string; message?: string } | undefined;
  const typed = reply.status >= 400 && reply.status < 500 && error?.type === 'invalid_request_error' && error.message;
  return {
    surface: 'JSON',
    kind: bad.kind,
    error: typed ? `${reply.status} ${error.type}` : undefined,
    reply: described(reply),
  };
}

/** Codes that say that the input is at fault: invalid argument, resource exhausted, out of range, unimplemented. */
const connectCodes = new Set(['invalid_argument', 'resource_exhausted', 'out_of_range', 'unimplemented']);
const grpcCodes = new Set(['3', '8', '11', '12']);

/** gRPC's compression document asks for INTERNAL where a message is marked compressed without saying how. */
const internalByRule = ({ kind }: BadBody) => kind === 'compressed without encoding';

const connectError = (bad: BadBody, code: unknown) =>
  typeof code === 'string' && (connectCodes.has(code) || (internalByRule(bad) && code === 'internal'))
    ? code
    : undefined;

const grpcError = (bad: BadBody, status: string | undefined) =>
  status !== undefined && (grpcCodes.has(status) || (internalByRule(bad) && status === '13')) ? status : undefined;

const mediaTypeRefused = (reply: Reply) => (reply.status === 415 ? '415' : undefined);

async function overConnect(port: number, bad: BadBody): Promise<Outcome> {
  const headers = { 'content-type': 'application/json', 'connect-protocol-version': '1', ...bad.headers };
  const reply = await exchange(port, '/llmbridge.v1.ChatService/ChatCompletion', headers, bad.bytes);
  const code = parsed(reply.body)?.['code'];
  return {
    surface: 'Connect',
    kind: bad.kind,
    error: (reply.status >= 400 ? connectError(bad, code) : undefined) ?? mediaTypeRefused(reply),
    reply: described(reply),
  };
}

/** The last envelope of a reply that ends with one of those flags. */
function lastEnvelope(body: Buffer, flag: number): string | undefined {
  for (let at = 0; at + 5 <= body.length; at += 5 + body.readUInt32BE(at + 1)) {
    if (((body[at] ?? 0) & flag) !== 0) return body.subarray(at + 5).toString();
  }
  return undefined;
}

async function overConnectStream(port: number, bad: BadBody): Promise<Outcome> {
  const headers = { 'content-type': 'application/connect+proto', 'connect-protocol-version': '1', ...bad.headers };
  const reply = await exchange(port, '/llmbridge.v1.ChatService/StreamChatCompletion', headers, bad.bytes);
  const end = parsed(Buffer.from(lastEnvelope(reply.body, 2) ?? ''));
  const code = (end?.['error'] as { code?: string } | undefined)?.code;
  return {
    surface: 'Connect stream',
    kind: bad.kind,
    error: connectError(bad, code),
    reply: described(reply),
  };
}

async function overGrpcWeb(port: number, bad: BadBody): Promise<Outcome> {
  const headers = { 'content-type': 'application/grpc-web+proto', ...bad.headers };
  const reply = await exchange(port, '/llmbridge.v1.ChatService/ChatCompletion', headers, bad.bytes);
  const trailers = lastEnvelope(reply.body, 0x80) ?? '';
  const status = reply.headers['grpc-status']?.toString() ?? trailers.match(/grpc-status:\s*(\d+)/i)?.[1];
  return {
    surface: 'gRPC-web',
    kind: bad.kind,
    error: grpcError(bad, status),
    reply: described(reply),
  };
}

async function overGrpc(session: ClientHttp2Session, bad: BadBody): Promise<Outcome> {
  const stream = session.request({
    ':method': 'POST',
    ':path': '/llmbridge.v1.ChatService/ChatCompletion',
    'content-type': 'application/grpc',
    te: 'trailers',
    ...bad.headers,
  });
  stream.on('error', () => {});
  let status: string | undefined;
  const note = (headers: IncomingHttpHeaders) => {
    status = headers['grpc-status']?.toString() ?? status;
  };
  stream.on('response', note);
  stream.on('trailers', note);
  stream.resume();
  stream.end(bad.bytes);
  await closed(stream);
  return {
    surface: 'gRPC',
    kind: bad.kind,
    error: grpcError(bad, status),
    reply: `grpc-status ${status}, RST ${stream.rstCode}`,
  };
}

const rawHeads: readonly (readonly [kind: string, head: string])[] = [
  ['request line', 'NONSENSE\r\n\r\n'],
  ['version', 'GET / HTTP/9.9\r\nHost: a\r\n\r\n'],
  ['header', 'GET /health HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n'],
  ['host', 'GET /health HTTP/1.1\r\nHost: [\r\n\r\n'],
  ['host port', 'GET /health HTTP/1.1\r\nHost: a:99999\r\n\r\n'],
  ['two lengths', 'POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
  [
    'length and chunks',
    'POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  [
    'chunk size',
    'POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
  ],
  ['huge header', `GET /health HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`],
  ['target', 'GET http:// HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['HTTP/2 frame', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nthis is not a SETTINGS frame at all'],
];

/** Bytes that are not HTTP at all, or hardly. A 4xx status line counts, and for HTTP/2 a GOAWAY frame. */
async function overSocket(port: number, random: Random): Promise<Outcome> {
  const [kind, head] = random.pick(rawHeads);
  const socket = tcpConnect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    socket.end();
  });
  socket.write(head);
  await closed(socket);
  const reply = Buffer.concat(chunks);
  const status = reply.toString('latin1').match(/^HTTP\/1\.1 (4\d\d)/)?.[1];
  // Frame type 7, after nine bytes of each frame before it: SETTINGS comes first.
  const goAway = kind === 'HTTP/2 frame' && reply.includes(Buffer.from([7, 0, 0, 0, 0, 0]));
  return {
    surface: 'socket',
    kind,
    error: goAway ? 'GOAWAY' : status,
    reply: reply.subarray(0, 200).toString('latin1'),
  };
}

/** Sends one malformed input, picked by `random`, over a protocol picked likewise. */
export async function sendMalformed(port: number, random: Random): Promise<Outcome> {
  switch (random.integer(0, 5)) {
    case 0:
      return overConnect(port, badJson(random));
    case 1:
      return overConnectStream(port, badConnectStream(random));
    case 2:
      return overGrpcWeb(port, badGrpc(random));
    case 3: {
      const session = http2Connect(`http://127.0.0.1:${port}`);
      session.on('error', () => {});
      try {
        return await overGrpc(session, badGrpc(random));
      } finally {
        session.close();
      }
    }
    case 4:
      return overSocket(port, random);
    default:
      return overJson(port, badJson(random));
  }
}
