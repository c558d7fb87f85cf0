import type { OutgoingHttpHeaders } from 'node:http';
import type { UniversalServerResponse } from '@connectrpc/connect/protocol';
import { discard } from '../body.ts';
import { encodeMessage } from '../grpc-message.ts';
import { finished, uncached, whenDrained } from '../response.ts';
import type { Exchange } from './exchange.ts';
import { encodeBase64, grpcWebTextType } from './grpc-web-text.ts';

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
      if (!response.write(text ? encodeBase64(chunk.value) : chunk.value)) {
        await new Promise<void>((resolve) => whenDrained(response, exchange.call, stallMs, resolve));
      }
      chunk = await chunks?.next();
    }
    if (response.destroyed) return;
    if (reply.trailer) response.addTrailers(trailersOf(reply.trailer));
    if (!exchange.body.ended) finished(response).once('finish', () => discard(request));
    response.end();
  } finally {
    chunks?.return?.().catch(() => {});
  }
}

function head(exchange: Exchange, reply: UniversalServerResponse): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {
    ...uncached,
    ...exchange.call.replyHeaders,
    ...(reply.header && nodeHeaders(reply.header)),
  };
  if (exchange.text && headers['content-type'] !== undefined) headers['content-type'] = grpcWebTextType;
  return headers;
}

/** Connect escapes more of `grpc-message` than it has to, which loggers between us and the caller show as it is. */
function trailersOf(web: Headers): OutgoingHttpHeaders {
  const trailers = nodeHeaders(web);
  const message = web.get('grpc-message');
  if (message !== null) trailers['grpc-message'] = encodeMessage(decodeURIComponent(message));
  return trailers;
}

function nodeHeaders(web: Headers): OutgoingHttpHeaders {
  const headers: Record<string, string | string[]> = {};
  web.forEach((value, name) => {
    headers[name] = name === 'set-cookie' ? web.getSetCookie() : value;
  });
  return headers;
}
