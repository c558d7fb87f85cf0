import { authorization } from './gateway.ts';
import { type H2Load, h2load } from './load.ts';
import { framed, grpcMessage, protoJson } from './payload.ts';
import { startWithAndWithoutLanes } from './programs.ts';
import type { Scenario } from './scenarios.ts';

const unaryPath = '/llmbridge.v1.ChatService/ChatCompletion';
const streamPath = '/llmbridge.v1.ChatService/StreamChatCompletion';

type What = Pick<H2Load, 'path' | 'contentType'> & { readonly body: () => string | Uint8Array };

const connectJson: What = { path: unaryPath, contentType: 'application/json', body: protoJson };
const connectProto: What = { path: unaryPath, contentType: 'application/proto', body: grpcMessage };
const connectStream: What = {
  path: streamPath,
  contentType: 'application/connect+json',
  body: () => framed(Buffer.from(protoJson())),
};
const grpcWeb = (path: string): What => ({
  path,
  contentType: 'application/grpc-web+proto',
  body: () => framed(grpcMessage()),
});

/** Calls of Connect or gRPC-web, with lanes and without: over 64 HTTP/1.1 connections, or 8 of 8 streams. */
function web(part: string, title: string, { body, ...what }: What, http1: boolean): Scenario {
  const isStream = what.path === streamPath;
  const over = http1 ? 'HTTP/1.1, 64 connections' : 'HTTP/2, 8 connections of 8 streams';
  return {
    part,
    title: `${title} over ${over}${isStream ? ': per stream' : ''}`,
    upstream: isStream ? 'burst' : 'whole',
    targets: startWithAndWithoutLanes,
    async check({ port }) {
      const headers = { 'content-type': what.contentType, authorization };
      const reply = await fetch(`http://127.0.0.1:${port}${what.path}`, { method: 'POST', headers, body: body() });
      const text = await reply.text();
      const isWhole = isStream ? text.includes('word39') && !text.includes('error') : text.includes('chatcmpl-bench');
      if (reply.status !== 200 || !isWhole) throw new Error(`${reply.status} ${text.slice(0, 300)}`);
    },
    run: ({ port }, maker, seconds) =>
      h2load(maker, {
        ...{ ...what, port, body: body(), seconds, http1 },
        ...(http1 ? { connections: 64, streams: 1 } : { connections: 8, streams: 8 }),
      }),
  };
}

export const webScenarios: readonly Scenario[] = [
  web('connect-json', 'Connect, JSON', connectJson, true),
  web('connect-proto', 'Connect, protobuf', connectProto, true),
  web('connect-proto-h2', 'Connect, protobuf', connectProto, false),
  web('connect-stream', 'Connect stream, JSON, 40 chunks at once,', connectStream, true),
  web('web-unary', 'gRPC-web', grpcWeb(unaryPath), true),
  web('web-burst', 'gRPC-web stream, 40 chunks at once,', grpcWeb(streamPath), true),
  web('web-burst-h2', 'gRPC-web stream, 40 chunks at once,', grpcWeb(streamPath), false),
];
