import { once } from 'node:events';
import * as http from 'node:http';
import * as http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { create, fromBinary, fromJson, toBinary, toJson } from '@bufbuild/protobuf';
import {
  ChatCompletionResponseSchema,
  StreamChatCompletionResponseSchema,
} from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { type SealedPayload, SealedPayloadSchema } from '../../gen/es/llmbridge/v1/sealed_pb.ts';
import { envelope, requestH2 } from './port.ts';

/** What becomes of the sealed messages of a reply; `undefined` is a forged one in the clear. */
export type Tampering = (messages: readonly SealedPayload[]) => readonly (SealedPayload | undefined)[];

/** Somebody between a caller and the gateway who holds no key, but may change what passes. */
export interface TamperingProxy {
  /** For what speaks HTTP/1.1, and for gRPC. */
  readonly urls: Readonly<Record<'http' | 'grpc', string>>;
  close(): Promise<void>;
}

const forged = 'forged answer';

/** Stands before the gateway at `url`. A reply is taken in whole before it is passed on. */
export async function tamperingProxy(url: string, tampering: Tampering): Promise<TamperingProxy> {
  const session = http2.connect(url);
  const servers = { http: http.createServer(), grpc: http2.createServer() };
  servers.http.on('request', (request, response) => {
    void passJson(url, request, response, tampering).catch(() => response.destroy());
  });
  servers.grpc.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
    stream.on('error', () => {});
    void passGrpc(session, stream, headers, tampering).catch(() => stream.close());
  });
  const urls: Record<string, string> = {};
  for (const [name, server] of Object.entries(servers)) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    urls[name] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  return {
    urls: urls as TamperingProxy['urls'],
    async close() {
      session.destroy();
      servers.http.closeAllConnections();
      await Promise.all(Object.values(servers).map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

async function passJson(
  url: string,
  request: http.IncomingMessage,
  response: http.ServerResponse,
  tampering: Tampering,
): Promise<void> {
  const key = request.headers['x-api-key'] ?? request.headers.authorization?.replace('Bearer ', '') ?? '';
  const reply = await fetch(`${url}${request.url}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': String(key) },
    body: await text(request),
  });
  const type = reply.headers.get('content-type') ?? '';
  response.writeHead(reply.status, { 'content-type': type });
  const body = await reply.text();
  if (!type.startsWith('text/event-stream')) {
    const [message] = tampering([sealedOf(body)]);
    response.end(jsonOf(message));
    return;
  }
  const data = body.split('\n\n').flatMap((event) => (event.startsWith('data: {') ? [event.slice(6)] : []));
  const events = tampering(data.map(sealedOf)).map((message) => `data: ${jsonOf(message)}\n\n`);
  response.end(`${events.join('')}data: [DONE]\n\n`);
}

// The JSON surface names and writes the fields as the canonical JSON of Protocol Buffers does, but for base64url.
const sealedOf = (json: string): SealedPayload => fromJson(SealedPayloadSchema, JSON.parse(json).sealed);

const jsonOf = (message: SealedPayload | undefined): string => {
  if (message === undefined) {
    const part = { role: 'assistant', content: forged };
    return JSON.stringify({ choices: [{ index: 0, message: part, delta: part, finish_reason: 'stop' }] });
  }
  const fields = toJson(SealedPayloadSchema, message, { useProtoFieldName: true }) as Record<string, string>;
  for (const name of ['nonce', 'ciphertext', 'salt'])
    fields[name] = Buffer.from(fields[name] ?? '', 'base64').toString('base64url');
  return JSON.stringify({ sealed: fields });
};

async function passGrpc(
  session: http2.ClientHttp2Session,
  stream: http2.ServerHttp2Stream,
  { ':path': path = '', 'x-api-key': key = '' }: http2.IncomingHttpHeaders,
  tampering: Tampering,
): Promise<void> {
  const schema = path.endsWith('/StreamChatCompletion')
    ? StreamChatCompletionResponseSchema
    : ChatCompletionResponseSchema;
  const request = { ':path': path, te: 'trailers', 'content-type': 'application/grpc', 'x-api-key': key };
  const { headers, trailers, body } = await requestH2(session, request, await buffer(stream));
  const messages: SealedPayload[] = [];
  for (let at = 0; at < body.length; ) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    const { sealed } = fromBinary(schema, body.subarray(at + 5, end));
    if (sealed === undefined) throw new Error('the gateway answered in the clear');
    messages.push(sealed);
    at = end;
  }
  const part = { content: forged };
  const inTheClear = { choices: [{ message: part, delta: part }] };
  const frames = tampering(messages).map((sealed) =>
    envelope(toBinary(schema, create(schema, sealed === undefined ? inTheClear : { sealed }))),
  );
  const told = Object.fromEntries(Object.entries(headers).filter(([name]) => name === ':status' || name[0] !== ':'));
  stream.respond(told, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.end(Buffer.concat(frames));
}

/** A server that answers each gRPC call at once, in the clear and with OK, before the request came. */
export async function hastyServer(): Promise<{ readonly url: string; close(): void }> {
  const server = http2.createServer();
  server.on('stream', (stream: http2.ServerHttp2Stream, { ':path': path = '' }: http2.IncomingHttpHeaders) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    const part = { content: forged };
    const answer = path.endsWith('/StreamChatCompletion')
      ? toBinary(
          StreamChatCompletionResponseSchema,
          create(StreamChatCompletionResponseSchema, { choices: [{ delta: part }] }),
        )
      : toBinary(ChatCompletionResponseSchema, create(ChatCompletionResponseSchema, { choices: [{ message: part }] }));
    stream.end(envelope(answer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close: () => server.close() };
}
