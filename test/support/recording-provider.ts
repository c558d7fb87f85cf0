import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request as a provider got it. */
interface Recorded {
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** A provider that keeps what it was sent. */
export interface RecordingProvider {
  readonly baseUrl: string;
  readonly requests: readonly Recorded[];
  close(): Promise<void>;
}

/** What a recording provider says. */
export interface RecordingOptions {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body of its answer; server-sent events where it begins with `data:` or `event:`. */
  readonly answer?: (request: Recorded) => string | Buffer;
}

const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };

/** OpenAI's dialect, and always the word 'recorded'. */
function recorded({ body }: Recorded): string {
  const head = { id: 'chatcmpl-1', created: 1, model: 'm' };
  if (!/"stream":\s*true/.test(body)) {
    const choices = [{ index: 0, message: { role: 'assistant', content: 'recorded' }, finish_reason: 'stop' }];
    return JSON.stringify({ ...head, object: 'chat.completion', choices, usage });
  }
  const event = (delta: object, finish_reason: string | null) =>
    `data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason }], usage })}\n\n`;
  return `${event({ role: 'assistant', content: 'recorded' }, null)}${event({}, 'stop')}data: [DONE]\n\n`;
}

export async function recordingProvider({
  status = 200,
  headers = {},
  answer = recorded,
}: RecordingOptions = {}): Promise<RecordingProvider> {
  const requests: Recorded[] = [];
  const server = http.createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (piece: string) => {
      body += piece;
    });
    request.on('end', () => {
      const asked = { path: request.url ?? '', headers: request.headers, body };
      requests.push(asked);
      const text = Buffer.from(answer(asked));
      const streamed = /^(?:data|event):/.test(String(text.subarray(0, 6)));
      response.writeHead(status, { 'content-type': streamed ? 'text/event-stream' : 'application/json', ...headers });
      response.end(text);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
