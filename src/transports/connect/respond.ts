import type { OutgoingHttpHeaders } from 'node:http';
import { constants } from 'node:http2';
import type { UniversalServerResponse } from '@connectrpc/connect/protocol';
import { Fault } from '../../kernel/fault.ts';
import { discard } from '../body.ts';
import type { ServerResponse } from '../listener.ts';
import type { Exchange } from './exchange.ts';
import { encodeBase64, grpcWebTextType } from './grpc-web-text.ts';

/** How long a reply to a cancelled call may wait for a reader that does not read. */
const lingerMs = 1_000;

/**
 * Writes Connect's response as it comes, at the pace at which the caller reads. The head goes out with the first
 * bytes of the body, so that the method could set reply headers until then. Resolves when all is handed to Node, or
 * the caller has gone.
 */
export async function respond(exchange: Exchange, reply: UniversalServerResponse, stallMs: number): Promise<void> {
  const { response, request, text } = exchange;
  const chunks = reply.body?.[Symbol.asyncIterator]();
  try {
    let chunk = await chunks?.next();
    if (response.destroyed) return;
    response.writeHead(reply.status, head(exchange, reply));
    while (chunk !== undefined && chunk.done !== true) {
      if (response.destroyed) return;
      if (!response.write(text ? encodeBase64(chunk.value) : chunk.value)) await drained(exchange, stallMs);
      chunk = await chunks?.next();
    }
    if (response.destroyed) return;
    if (reply.trailer) response.addTrailers(nodeHeaders(reply.trailer));
    if (!exchange.body.ended) finished(response).once('finish', () => discard(request));
    response.end();
  } finally {
    chunks?.return?.().catch(() => {});
  }
}

/** What emits `finish` and `close` of a reply reliably: over HTTP/2 the stream, not the response object. */
export const finished = (response: ServerResponse) => response.stream ?? response;

function head(exchange: Exchange, reply: UniversalServerResponse): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {
    ...exchange.call.replyHeaders,
    ...(reply.header && nodeHeaders(reply.header)),
  };
  if (exchange.text && headers['content-type'] !== undefined) headers['content-type'] = grpcWebTextType;
  return headers;
}

function nodeHeaders(web: Headers): OutgoingHttpHeaders {
  const headers: Record<string, string | string[]> = {};
  web.forEach((value, name) => {
    headers[name] = name === 'set-cookie' ? web.getSetCookie() : value;
  });
  return headers;
}

/** Waits for the caller to read on, but not for ever. */
function drained({ response, call }: Exchange, stallMs: number): Promise<void> {
  return new Promise((resolve) => {
    const emitter = finished(response);
    const giveUp = (): void => {
      call.cancellation.cancel(new Fault('CANCELLED', 'the caller does not read its answer'));
      reset(response);
    };
    let timer = setTimeout(giveUp, stallMs);
    const settle = (): void => {
      clearTimeout(timer);
      forget();
      emitter.off('close', settle);
      response.off('drain', settle);
      resolve();
    };
    const forget = call.cancellation.onCancel(() => {
      clearTimeout(timer);
      timer = setTimeout(giveUp, lingerMs);
    });
    emitter.once('close', settle);
    response.once('drain', settle);
  });
}

/** Cuts a reply short so that the caller sees it was cut. */
export function reset(response: ServerResponse): void {
  if (response.stream === undefined) response.destroy();
  else response.stream.close(constants.NGHTTP2_CANCEL);
}
