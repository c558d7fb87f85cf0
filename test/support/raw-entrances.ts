import { once } from 'node:events';
import http2 from 'node:http2';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ErrorInfoSchema } from '../../gen/es/google/rpc/error_details_pb.ts';
import { StatusSchema } from '../../gen/es/google/rpc/status_pb.ts';
import { ChatCompletionRequestSchema } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Role } from '../../gen/es/llmbridge/v1/content_pb.ts';

// Every entrance by its bytes alone, for tests that have to know, or to spoil, what goes over the wire.

type Fields = Readonly<Record<string, string>>;

/** What a caller was told. */
export interface RawAnswer {
  /** ErrorInfo's reason, or OpenAI's error code in upper case; empty for a call that went well. */
  readonly reason: string;
  /** All that came back: headers, body and trailers. */
  readonly everything: string;
}

export interface RawEntrance {
  readonly name: string;
  /** The path of a chat call, as requests are signed for it. */
  path(stream: boolean): string;
  /** A chat request's message, or body. */
  encode(model: string, prompt: string, stream: boolean): Buffer;
  send(url: string, headers: Fields, message: Uint8Array, stream: boolean): Promise<RawAnswer>;
}

const rpcPath = (stream: boolean) => `/llmbridge.v1.ChatService/${stream ? 'StreamChatCompletion' : 'ChatCompletion'}`;

const binary = (model: string, prompt: string): Buffer =>
  Buffer.from(
    toBinary(
      ChatCompletionRequestSchema,
      create(ChatCompletionRequestSchema, { model, messages: [{ role: Role.USER, content: prompt }] }),
    ),
  );

/** Length-Prefixed-Message. */
export function framed(message: Uint8Array, flags = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flags);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** The reason in `grpc-status-details-bin`. */
function reasonOf(details: string | undefined, status: string | undefined): string {
  if (status === '0') return '';
  if (details === undefined) return `STATUS_${status}`;
  const info = fromBinary(StatusSchema, Buffer.from(details, 'base64')).details.find(({ typeUrl }) =>
    typeUrl.endsWith('google.rpc.ErrorInfo'),
  );
  return info === undefined ? `STATUS_${status}` : fromBinary(ErrorInfoSchema, info.value).reason;
}

const textOf = (headers: Iterable<readonly [string, string]>) =>
  [...headers].map(([name, value]) => `${name}: ${value}\n`).join('');

const grpc: RawEntrance = {
  name: 'gRPC',
  path: rpcPath,
  encode: binary,
  async send(url, headers, message, stream) {
    const session = http2.connect(url);
    session.on('error', () => {});
    try {
      const request = session.request({
        ':method': 'POST',
        ':path': rpcPath(stream),
        'content-type': 'application/grpc',
        te: 'trailers',
        ...headers,
      });
      let head: http2.IncomingHttpHeaders = {};
      let trailers: http2.IncomingHttpHeaders = {};
      request.on('response', (received) => {
        head = received;
      });
      request.on('trailers', (received) => {
        trailers = received;
      });
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.end(framed(message));
      await once(request, 'close');
      const all = { ...head, ...trailers };
      const single = (name: string) => (all[name] === undefined ? undefined : String(all[name]));
      const everything = JSON.stringify(all) + Buffer.concat(pieces).toString('latin1');
      return { reason: reasonOf(single('grpc-status-details-bin'), single('grpc-status')), everything };
    } finally {
      session.close();
    }
  },
};

const webTrailer = 0x80;

/** The trailers that stand in the body. */
function webTrailers(body: Buffer): Map<string, string> {
  for (let at = 0; at + 5 <= body.length; at += 5 + body.readUInt32BE(at + 1)) {
    if (((body[at] ?? 0) & webTrailer) === 0) continue;
    const lines = body
      .toString('latin1', at + 5)
      .trim()
      .split('\r\n');
    return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]));
  }
  return new Map();
}

const grpcWeb = (text: boolean): RawEntrance => ({
  name: text ? 'gRPC-web in text' : 'gRPC-web',
  path: rpcPath,
  encode: binary,
  async send(url, headers, message, stream) {
    const body = framed(message);
    const response = await fetch(`${url}${rpcPath(stream)}`, {
      method: 'POST',
      headers: { 'content-type': `application/grpc-web${text ? '-text' : ''}+proto`, ...headers },
      body: text ? body.toString('base64') : (body as Uint8Array<ArrayBuffer>),
    });
    const raw = Buffer.from(await response.arrayBuffer());
    const groups = raw.toString('latin1').match(/[^=]+=*/g) ?? [];
    const bytes = text ? Buffer.concat(groups.map((group) => Buffer.from(group, 'base64'))) : raw;
    const trailers = webTrailers(bytes);
    const get = (name: string) => trailers.get(name) ?? response.headers.get(name) ?? undefined;
    const reason = reasonOf(get('grpc-status-details-bin'), get('grpc-status'));
    return { reason, everything: textOf(response.headers) + bytes.toString('latin1') };
  },
});

interface ConnectError {
  readonly code?: string;
  readonly details?: readonly { readonly type: string; readonly value: string }[];
}

function connectReason(error: ConnectError | undefined): string {
  if (error === undefined) return '';
  const info = error.details?.find(({ type }) => type === 'google.rpc.ErrorInfo');
  return info === undefined
    ? String(error.code)
    : fromBinary(ErrorInfoSchema, Buffer.from(info.value, 'base64')).reason;
}

const connect: RawEntrance = {
  name: 'Connect',
  path: rpcPath,
  encode: binary,
  async send(url, headers, message, stream) {
    const response = await fetch(`${url}${rpcPath(stream)}`, {
      method: 'POST',
      headers: {
        'content-type': stream ? 'application/connect+proto' : 'application/proto',
        'connect-protocol-version': '1',
        ...headers,
      },
      body: (stream ? framed(message) : message) as Uint8Array<ArrayBuffer>,
    });
    const body = Buffer.from(await response.arrayBuffer());
    const everything = textOf(response.headers) + body.toString('latin1');
    if (!stream) {
      const error = response.ok ? undefined : (JSON.parse(body.toString()) as ConnectError);
      return { reason: connectReason(error), everything };
    }
    const end = body.lastIndexOf('{"error"') < 0 ? undefined : body.toString('utf8', body.lastIndexOf('{"error"'));
    return {
      reason: connectReason(end === undefined ? undefined : (JSON.parse(end) as { error: ConnectError }).error),
      everything,
    };
  },
};

const json: RawEntrance = {
  name: 'JSON',
  path: () => '/v1/chat/completions',
  encode: (model, prompt, stream) =>
    Buffer.from(JSON.stringify({ model, messages: [{ role: 'user', content: prompt }], ...(stream && { stream }) })),
  async send(url, headers, message) {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: message as Uint8Array<ArrayBuffer>,
    });
    const text = await response.text();
    const code = /"error":\{.*?"code":("[^"]*"|null)/.exec(text)?.[1];
    const reason = code === undefined ? '' : code.replaceAll('"', '').toUpperCase();
    return { reason, everything: textOf(response.headers) + text };
  },
};

export const rawEntrances: readonly RawEntrance[] = [grpc, grpcWeb(false), grpcWeb(true), connect, json];
