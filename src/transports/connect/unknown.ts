import type { Call } from '../../kernel/call.ts';
import type { Fault } from '../../kernel/fault.ts';
import { discard } from '../body.ts';
import { encodeMessage } from '../grpc-message.ts';
import type { ServerRequest, ServerResponse } from '../listener.ts';
import { finished, uncached } from '../response.ts';
import { statusOf } from '../status.ts';

const rpcTypes = /^application\/(?:grpc|connect\+|proto(?:;|$))/;

/** `/package.Service/Method`: no path of the HTTP surface has a dot in its first segment. */
const rpcPath = /^\/\w+(?:\.\w+)+\/\w+(?:\?|$)/;

/** Whether a request for a path that no method has is to be answered as an RPC. */
export const refusesUnknown = ({ headers, url }: ServerRequest): boolean =>
  rpcTypes.test(headers['content-type'] ?? '') || rpcPath.test(url ?? '');

/**
 * Answers a call of a method that is not there, in the caller's protocol: for gRPC with trailers only, as its clients
 * call anything else an internal error; for Connect as JSON.
 */
export function refuseUnknown(call: Call, fault: Fault, request: ServerRequest, response: ServerResponse): void {
  const { code, message } = statusOf(fault);
  finished(response).once('finish', () => discard(request));
  if (call.protocol === 'connect') {
    response.writeHead(404, { ...uncached, ...call.replyHeaders, 'content-type': 'application/json' });
    response.end(JSON.stringify({ code: 'unimplemented', message }));
    return;
  }
  const head = {
    ...uncached,
    ...call.replyHeaders,
    'content-type': request.headers['content-type'] ?? 'application/grpc',
    'grpc-status': String(code),
    'grpc-message': encodeMessage(message),
  };
  if (response.stream === undefined) {
    response.writeHead(200, head);
    response.end();
  } else if (!response.stream.destroyed && !response.stream.closed) {
    response.stream.respond({ ':status': 200, ...head }, { endStream: true });
  }
}
