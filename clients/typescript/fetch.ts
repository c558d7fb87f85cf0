import { parseSealed, requestJson } from './sealed-json.ts';
import { type ReplyOpener, SealError, type Sealer } from './sealing.ts';

const method = '/v1/chat/completions';
/** Whatever stands before it: what goes to a wrong address must not go there in the clear. */
const chatPath = /\/chat\/completions\/*$/;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * A `fetch` that seals chat requests to the OpenAI-shaped surface and opens their answers, whole or streamed: for the
 * official SDKs, `new OpenAI({ fetch: sealedFetch(sealer) })`. All other requests pass as they are. An answer that is not
 * what the gateway sealed rejects with SealError, or breaks the stream off with it.
 */
export function sealedFetch(sealer: Sealer, through: typeof fetch = fetch): typeof fetch {
  return async (input, init) => {
    const { url, method: verb } = input instanceof Request ? input : { url: String(input), method: 'GET' };
    const isChat = (init?.method ?? verb).toUpperCase() === 'POST' && chatPath.test(url.split(/[?#]/)[0] ?? '');
    if (!isChat) return through(input, init);
    const request = new Request(input, init);
    const { sealed, reply } = await sealer.seal(method, new Uint8Array(await request.arrayBuffer()));
    const headers = new Headers(request.headers);
    headers.set('content-type', 'application/json');
    const { signal } = request;
    const response = await through(request.url, { method: 'POST', headers, body: requestJson(sealed), signal });
    return openResponse(response, reply);
  };
}

async function openResponse(response: Response, reply: ReplyOpener): Promise<Response> {
  // Lengths and codings were those of the sealed form.
  const headers = new Headers(response.headers);
  for (const name of ['content-length', 'content-encoding']) headers.delete(name);
  const init = { status: response.status, statusText: response.statusText, headers };
  if (headers.get('content-type')?.startsWith('text/event-stream') && response.body !== null)
    return new Response(openedEvents(response.body, reply), init);
  const body = await response.text();
  const message = parseSealed(body);
  // What failed before the request was opened is told in the clear, by nobody that could be known.
  if (message === undefined && !response.ok) return new Response(body, init);
  const opened = decoder.decode(await reply.openWhole(message));
  // The status is in the clear; what is sealed says whether it's true.
  if (isError(opened) === response.ok) throw new SealError('the status is not that of the sealed answer');
  return new Response(opened, init);
}

function isError(json: string): boolean {
  try {
    return (JSON.parse(json) as { readonly error?: unknown } | null)?.error != null;
  } catch {
    return false;
  }
}

/** The events of an answer, opened. Comments go through, so that they keep the connection alive further on, too. */
function openedEvents(body: ReadableStream<Uint8Array>, reply: ReplyOpener): ReadableStream<Uint8Array> {
  const lines = body.pipeThrough(splitLines());
  return lines.pipeThrough(
    new TransformStream<string, Uint8Array>({
      async transform(line, controller) {
        const write = (text: string): void => controller.enqueue(encoder.encode(text));
        if (line.startsWith(':')) return write(`${line}\n\n`);
        if (!line.startsWith('data:')) return;
        const data = line.slice('data:'.length).trim();
        // It is in the clear: that the answer is whole, the last mark has said before.
        if (data === '[DONE]') {
          reply.end();
          return write('data: [DONE]\n\n');
        }
        const opened = decoder.decode(await reply.open(parseSealed(data)));
        if (opened !== '') write(`data: ${opened}\n\n`);
      },
      flush: () => reply.end(),
    }),
  );
}

function splitLines(): TransformStream<Uint8Array, string> {
  const text = new TextDecoder();
  let rest = '';
  return new TransformStream({
    transform(bytes, controller) {
      const lines = (rest + text.decode(bytes, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) controller.enqueue(line.replace(/\r$/, ''));
    },
    flush(controller) {
      if (rest !== '') controller.enqueue(rest);
    },
  });
}
