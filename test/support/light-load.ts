import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';

// Calls that cost whoever makes them next to nothing, so that a gateway is what is busy: a long prompt that is made once,
// over sockets of our own; and a provider that reads it no further than to the mark that its answer repeats.

const digits = 9;
/** A number, and what only that number has. */
const markOf = (id: number): string =>
  `@@${String(id).padStart(digits, '0')}:${(Math.imul(id, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0')}@@`;
const markLength = markOf(0).length;

const completion = (mark: string) =>
  `{"id":"chatcmpl-light","object":"chat.completion","created":1780000000,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"${mark}"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":9,"total_tokens":18}}`;

const event = (delta: string, finish: string) =>
  `data: {"id":"chatcmpl-light","object":"chat.completion.chunk","created":1780000000,"model":"m","choices":[{"index":0,"delta":${delta},"finish_reason":${finish}}]}\n\n`;
const manyEvents = event('{"content":"a gateway stands between "}', 'null').repeat(20);
const lastEvents = `${event('{}', '"stop"')}data: [DONE]\n\n`;

/** A provider of OpenAI's dialect. */
export interface LightProvider {
  readonly port: number;
  /** Connections to it that are open. */
  readonly connections: number;
  close(): void;
}

export async function startLightProvider(): Promise<LightProvider> {
  let connections = 0;
  const server = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = Buffer.concat(parts);
      const at = body.indexOf('@@');
      const mark = body.toString('latin1', at, at + markLength);
      if (body.includes('"stream":true')) {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(manyEvents);
        response.end(event(`{"content":"${mark}"}`, 'null') + lastEvents);
        return;
      }
      const text = completion(mark);
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length }).end(text);
    });
  });
  server.on('connection', (socket) => {
    connections++;
    socket.on('close', () => connections--);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** What came of a call: whole, or an error that names its code, or all that came where it is neither. */
export interface LightEnding {
  readonly whole: boolean;
  readonly code: string | undefined;
  readonly received: string;
}

export type LightEnd = (ending: LightEnding) => void;

/** A keep-alive connection that carries one call at a time. */
export class LightCaller {
  busy = false;
  #socket: net.Socket | undefined;
  readonly #port: number;
  readonly #bodies: readonly [whole: Body, streamed: Body];
  #received = '';
  #done: LightEnd = () => {};
  #complete: (received: string) => boolean = isWholeJson;
  #mark = '';

  constructor(port: number, model: string, promptBytes: number) {
    this.#port = port;
    this.#bodies = [new Body(model, promptBytes, false), new Body(model, promptBytes, true)];
  }

  call(id: number, stream: boolean, headers: string, done: LightEnd): void {
    this.busy = true;
    this.#received = '';
    this.#done = done;
    this.#mark = markOf(id);
    this.#complete = stream ? isWholeStream : isWholeJson;
    const bytes = this.#bodies[stream ? 1 : 0].marked(this.#mark);
    const socket = this.#connected();
    socket.cork();
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n${headers}content-type: application/json\r\ncontent-length: ${bytes.length}\r\n\r\n`,
    );
    socket.write(bytes);
    socket.uncork();
  }

  close(): void {
    this.#socket?.destroy();
  }

  #connected(): net.Socket {
    if (this.#socket !== undefined) return this.#socket;
    const socket = net.connect({ port: this.#port, host: '127.0.0.1', noDelay: true });
    socket.setEncoding('latin1').on('data', (piece: string) => {
      this.#received += piece;
      if (this.#complete(this.#received)) this.#end();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#socket = undefined;
      if (this.busy) this.#end();
    });
    this.#socket = socket;
    return socket;
  }

  #end(): void {
    this.busy = false;
    const received = this.#received;
    const ended = this.#complete(received);
    const done = this.#complete === isWholeJson || received.includes('data: [DONE]');
    const whole = ended && done && received.startsWith('HTTP/1.1 200 ') && received.includes(this.#mark);
    const code = ended && !whole ? /"error":\{.*"code":"(\w+)"/s.exec(received)?.[1] : undefined;
    this.#done({ whole, code, received });
  }
}

/** A request's body, whose mark is written into its place. */
class Body {
  readonly #bytes: Buffer;
  readonly #at: number;

  constructor(model: string, promptBytes: number, stream: boolean) {
    const content = `${'All that is said before counts, too. '.repeat(promptBytes / 37)}${markOf(0)}`;
    const text = JSON.stringify({ model, ...(stream && { stream }), messages: [{ role: 'user', content }] });
    this.#bytes = Buffer.from(text);
    this.#at = this.#bytes.indexOf('@@');
  }

  /** The same bytes each time: the call before is answered by then. */
  marked(mark: string): Buffer {
    this.#bytes.write(mark, this.#at, 'latin1');
    return this.#bytes;
  }
}

function isWholeJson(received: string): boolean {
  const head = received.indexOf('\r\n\r\n');
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(received)?.[1];
  return head >= 0 && length !== undefined && received.length >= head + 4 + Number(length);
}

/** An error has a length, also of a stream that did not begin. */
const isWholeStream = (received: string): boolean =>
  received.endsWith('\r\n0\r\n\r\n') || (!received.startsWith('HTTP/1.1 200 ') && isWholeJson(received));
