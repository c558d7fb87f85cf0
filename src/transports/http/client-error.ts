import { type ServerResponse, STATUS_CODES } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Call } from '../../kernel/call.ts';
import { Fault } from '../../kernel/fault.ts';
import { discardRest } from '../body.ts';
import type { Calls } from '../calls.ts';
import { errorHeaders, errorJson } from './errors.ts';
import { replyDefaults } from './json-reply.ts';

/**
 * Answers what Node could not read as HTTP/1.1, a call all the same, and closes the connection. Nothing is written where it would land within
 * another reply, or be taken for that of an earlier request: `last` is the response to the last request of the connection.
 */
export function refuseUnreadable(calls: Calls, error: Error, socket: Duplex, last: ServerResponse | undefined): void {
  const fault = faultOf(error);
  if (fault === undefined || !socket.writable || !isNext(last)) {
    // Once it is answered, what comes behind is read away below, and Node tells of each piece.
    if (!socket.writableEnded) socket.destroy();
    return;
  }
  const remoteAddress = socket instanceof Socket ? socket.remoteAddress : undefined;
  const call = calls.open({ method: 'unknown', protocol: 'http', headers: {}, remoteAddress });
  socket.end(replyOf(fault, call.replyHeaders));
  calls.end(call, fault);
  const close = (): void => {
    socket.destroy();
  };
  // A socket closed with bytes unread is reset, and the peer, still writing, would never see the reply.
  socket.once('end', close);
  discardRest(socket, close);
}

/** Whether the connection waits for this very reply: all before it are out, or the request in hand broke off. */
const isNext = (last: ServerResponse | undefined): boolean =>
  last === undefined || last.writableFinished || (last.socket !== null && !last.headersSent && !last.req.complete);

/** The fault behind an error of Node's parser; undefined for one of the socket. */
function faultOf(error: Error): Fault | undefined {
  const code = 'code' in error ? String(error.code) : '';
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new Fault('HEADERS_TOO_LARGE', 'the head of the request is too large');
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new Fault('TOO_LARGE', 'the chunk extensions of the request are too large');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Fault('CALLER_TIMEOUT', 'the request took too long to arrive');
    default:
      return code.startsWith('HPE_') ? new Fault('FIELD_INVALID', 'the request is not valid HTTP/1.1') : undefined;
  }
}

function replyOf(fault: Fault, replyHeaders: Call['replyHeaders']): string {
  const { http } = fault.shape;
  const body = errorJson(fault);
  const headers: Record<string, string | number> = {
    date: new Date().toUTCString(),
    ...replyDefaults,
    'cache-control': 'no-store',
    ...replyHeaders,
    ...errorHeaders(fault),
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${http} ${STATUS_CODES[http]}\r\n${lines.join('')}\r\n${body}`;
}
