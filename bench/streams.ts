// Holds many streams open at once and counts what they bring.
// node streams.ts PORT STREAMS SECONDS [sse|grpc]: prints {"chunks", "whole", "broken"} as JSON.
import http from 'node:http';
import http2 from 'node:http2';
import { grpcStreamPath } from './load.ts';
import { grpcRequest, streamRequest } from './payload.ts';

const [port = 0, streams = 0, seconds = 0] = process.argv.slice(2).map(Number);
const agent = new http.Agent({ keepAlive: true, maxSockets: streams });
const deadline = performance.now() + seconds * 1_000;
let chunks = 0;
let whole = 0;
let broken = 0;
let open = 0;

const frame = grpcRequest();
/** Connections of the gRPC streams, 64 on each. */
const sessions =
  process.argv[5] === 'grpc'
    ? Array.from({ length: Math.ceil(streams / 64) }, () => http2.connect(`http://127.0.0.1:${port}`))
    : [];
let begun = 0;

function finish(): void {
  open--;
  if (performance.now() < deadline) start();
  else if (open === 0) {
    process.stdout.write(`${JSON.stringify({ chunks, whole, broken })}\n`);
    agent.destroy();
    for (const session of sessions) session.close();
  }
}

/** A message is written in one go, so that a DATA event is a chunk while they are paced. */
function startGrpc(session: http2.ClientHttp2Session): void {
  const stream = session.request({ ':method': 'POST', ':path': grpcStreamPath, 'content-type': 'application/grpc' });
  let status: unknown;
  stream.on('data', () => chunks++);
  stream.on('trailers', (trailers) => {
    status = trailers['grpc-status'];
  });
  stream.on('error', () => {});
  stream.on('close', () => {
    if (status === '0') whole++;
    else broken++;
    finish();
  });
  stream.end(frame);
}

function start(): void {
  open++;
  const session = sessions[begun++ % sessions.length];
  if (session !== undefined) {
    startGrpc(session);
    return;
  }
  const options = { agent, port, host: '127.0.0.1', method: 'POST', path: '/v1/chat/completions' };
  const request = http.request({ ...options, headers: { 'content-type': 'application/json' } }, (response) => {
    let last = '';
    response.on('data', (bytes: Buffer) => {
      for (let at = bytes.indexOf('data: '); at >= 0; at = bytes.indexOf('data: ', at + 6)) chunks++;
      last = bytes.subarray(-32).toString();
    });
    response.on('end', () => {
      if (last.includes('[DONE]')) whole++;
      else broken++;
      finish();
    });
    response.on('error', () => {});
  });
  request.on('error', () => {
    broken++;
    finish();
  });
  request.end(streamRequest);
}

// Spread over a second, so that the streams do not beat together.
for (let i = 0; i < streams; i++) setTimeout(start, (i / streams) * 1_000);
