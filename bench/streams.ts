// Holds many streams open at once and counts what they bring.
// node streams.ts PORT STREAMS SECONDS: prints {"chunks", "whole", "broken"} as JSON.
import http from 'node:http';
import { streamRequest } from './payload.ts';

const [port = 0, streams = 0, seconds = 0] = process.argv.slice(2).map(Number);
const agent = new http.Agent({ keepAlive: true, maxSockets: streams });
const deadline = performance.now() + seconds * 1_000;
let chunks = 0;
let whole = 0;
let broken = 0;
let open = 0;

function finish(): void {
  open--;
  if (performance.now() < deadline) start();
  else if (open === 0) {
    process.stdout.write(`${JSON.stringify({ chunks, whole, broken })}\n`);
    agent.destroy();
  }
}

function start(): void {
  open++;
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
