// The provider of the measurements, where nginx is not installed, and of paced streams.
// node upstream.ts PORT [MILLISECONDS_BETWEEN_CHUNKS]
import http from 'node:http';
import { pathToFileURL } from 'node:url';
import { jsonAnswer, streamEvents } from './payload.ts';

const events = streamEvents.map((event) => Buffer.from(event));
const burst = Buffer.concat(events);

function pace(response: http.ServerResponse, interval: number): void {
  let next = 0;
  const timer = setInterval(() => {
    response.write(events[next++]);
    // The end of a stream comes in one go, as providers send it.
    if (next < events.length - 3) return;
    clearInterval(timer);
    response.end(Buffer.concat(events.slice(next)));
  }, interval);
  response.on('close', () => clearInterval(timer));
}

/** Answers any request: streams where `stream` is true in the body, all at once without an interval. */
export function serve(port: number, interval: number): http.Server {
  return http
    .createServer((request, response) => {
      let streaming = false;
      request.on('data', (bytes: Buffer) => {
        streaming ||= bytes.includes('"stream":true');
      });
      request.on('end', () => {
        response.writeHead(200, { 'content-type': streaming ? 'text/event-stream' : 'application/json' });
        if (!streaming) response.end(jsonAnswer);
        else if (interval === 0) response.end(burst);
        else pace(response, interval);
      });
    })
    .listen(port, '127.0.0.1');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  serve(Number(process.argv[2]), Number(process.argv[3] ?? 0));
}
