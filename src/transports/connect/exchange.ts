import { Code, ConnectError, type ContextValues, createContextKey, createContextValues } from '@connectrpc/connect';
import type { UniversalServerRequest } from '@connectrpc/connect/protocol';
import type { Call, Headers as CallHeaders } from '../../kernel/call.ts';
import { Fault } from '../../kernel/fault.ts';
import { RequestBody } from '../body.ts';
import type { ServerRequest, ServerResponse } from '../listener.ts';
import type { RpcStatus } from '../status.ts';
import { connectErrorOf } from './errors.ts';
import { decodeBase64, grpcWebBinaryType } from './grpc-web-text.ts';
import { KeptBody } from './kept-body.ts';

/** One RPC between Node's request and response on one side and Connect's handler on the other. */
export interface Exchange {
  readonly call: Call;
  readonly request: ServerRequest;
  readonly response: ServerResponse;
  readonly body: RequestBody;
  /** The body's bytes, for a signed request alone. */
  readonly kept: KeptBody | undefined;
  /** Whether body and reply are base64 (grpc-web-text). */
  readonly text: boolean;
  /** Aborted when the call is cancelled, for whatever reason. */
  readonly abort: AbortController;
  readonly values: ContextValues;
  /** How the caller is told of a fault. */
  readonly statusOf: (fault: Fault) => RpcStatus;
  /** What the call failed with, as soon as that is known. */
  fault: Fault | undefined;
}

const exchangeKey = createContextKey<Exchange | undefined>(undefined);

/** The exchange that a handler's context belongs to. */
export function exchangeOf(values: ContextValues): Exchange {
  const exchange = values.get(exchangeKey);
  if (exchange === undefined) throw new Fault('INTERNAL', 'internal error', { cause: 'a context without exchange' });
  return exchange;
}

/** Ties caller, call and handler together: whichever is cancelled first cancels the rest. */
export function createExchange(
  call: Call,
  request: ServerRequest,
  response: ServerResponse,
  text: boolean,
  statusOf: Exchange['statusOf'],
  maxRequestBytes: number,
): Exchange {
  const body = new RequestBody(request);
  const abort = new AbortController();
  const values = createContextValues();
  // The message of a GET is in its URL.
  const kept = call.isSigned && request.method === 'POST' ? new KeptBody(maxRequestBytes) : undefined;
  const exchange: Exchange = { call, request, response, body, kept, text, abort, values, statusOf, fault: undefined };
  values.set(exchangeKey, exchange);
  call.cancellation.onCancel((fault) => {
    exchange.fault ??= fault;
    body.fail(fault);
    abort.abort(connectErrorOf(fault, statusOf(fault)));
  });
  return exchange;
}

/** The request as Connect's handlers take it. Its URL is told only for the query: the authority is the caller's word. */
export function universalRequest(exchange: Exchange): UniversalServerRequest {
  const { request, body, kept, text, abort, values, statusOf } = exchange;
  const header = webHeaders(request.headers);
  if (text) header.set('content-type', grpcWebBinaryType);
  return {
    httpVersion: request.httpVersion,
    method: request.method ?? '',
    url: `http://localhost${request.url ?? '/'}`,
    header,
    body: faultless(keptBy(kept, text ? decodeBase64(body) : body), statusOf),
    signal: abort.signal,
    contextValues: values,
  };
}

/** The same body, whose pieces are kept on their way. */
function keptBy(
  kept: KeptBody | undefined,
  body: AsyncIterableIterator<Uint8Array>,
): AsyncIterableIterator<Uint8Array> {
  if (kept === undefined) return body;
  const iterator: AsyncIterableIterator<Uint8Array> = {
    async next() {
      const step = await body.next();
      if (step.done !== true) kept.push(step.value);
      return step;
    },
    return: () => body.return?.() ?? Promise.resolve({ done: true, value: undefined }),
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}

/** What a body is rejected with, in Connect's terms. */
function faultless(body: AsyncIterableIterator<Uint8Array>, statusOf: Exchange['statusOf']): AsyncIterable<Uint8Array> {
  const iterator: AsyncIterableIterator<Uint8Array> = {
    next: () =>
      body.next().catch((thrown: unknown) => {
        if (thrown instanceof Fault) throw connectErrorOf(thrown, statusOf(thrown));
        throw new ConnectError(thrown instanceof Error ? thrown.message : 'unreadable body', Code.InvalidArgument);
      }),
    return: () => body.return?.() ?? Promise.resolve({ done: true, value: undefined }),
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}

function webHeaders(headers: CallHeaders): Headers {
  const web = new Headers();
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || name.startsWith(':')) continue;
    if (typeof value === 'string') web.append(name, value);
    else for (const one of value) web.append(name, one);
  }
  return web;
}
