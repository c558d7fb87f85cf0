import type { DescMethod, DescMethodServerStreaming, DescMethodUnary, DescService, Message } from '@bufbuild/protobuf';
import { ConnectError, type ConnectRouter, createConnectRouter, type HandlerContext } from '@connectrpc/connect';
import type { UniversalHandler, UniversalServerResponse } from '@connectrpc/connect/protocol';
import { compressionBrotli, compressionGzip } from '@connectrpc/connect-node';
import type { Protocol } from '../../kernel/call.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Rpc } from '../../kernel/method.ts';
import type { Calls } from '../calls.ts';
import type { RequestHandler, ServerRequest, ServerResponse } from '../listener.ts';
import { openingOf } from '../opening.ts';
import type { ServerOptions, ServerParts } from '../parts.ts';
import { pathOf } from '../paths.ts';
import { finished, reset } from '../response.ts';
import { statusOf } from '../status.ts';
import { connectTimeout, grpcTimeout } from '../timeout.ts';
import { UnaryReply } from '../unary-reply.ts';
import { completeError, connectErrorOf, faultOf } from './errors.ts';
import { createExchange, type Exchange, exchangeOf, universalRequest } from './exchange.ts';
import { checkGet } from './get.ts';
import { isGrpcWebText } from './grpc-web-text.ts';
import { jsonOptions } from './json.ts';
import { respond } from './respond.ts';
import { StreamReply } from './stream-reply.ts';
import { refusesUnknown, refuseUnknown } from './unknown.ts';

/** Services with handlers of Connect's own kind, beside the methods of the contract. */
export interface Mount {
  readonly services: readonly DescService[];
  routes(router: ConnectRouter): void;
}

export interface ConnectLaneInit {
  readonly rpcs: readonly Rpc[];
  /** Methods that need no credential, by path. */
  readonly open: ReadonlySet<string>;
  readonly mounts: readonly Mount[];
  readonly parts: Pick<ServerParts, 'gate' | 'clock' | 'statusOf'>;
  readonly options: Pick<ServerOptions, 'maxRequestBytes' | 'requestTimeoutMs' | 'stalledReaderMs'>;
  readonly calls: Calls;
}

/** gRPC, gRPC-web and Connect by connect-es: every method, every protocol, over HTTP/1.1 and HTTP/2. */
export interface ConnectLane {
  /** The handler for a request if it is an RPC, known or not; undefined leaves it to the HTTP surface. */
  route(request: ServerRequest): RequestHandler | undefined;
}

export function createConnectLane(init: ConnectLaneInit): ConnectLane {
  const { calls, options, parts } = init;
  const stallMs = options.stalledReaderMs;
  const own = new Set(init.rpcs.map(({ desc }) => pathOf(desc)));
  const router = createConnectRouter({
    acceptCompression: [compressionGzip, compressionBrotli],
    readMaxBytes: options.maxRequestBytes,
    jsonOptions: jsonOptions([
      ...init.rpcs.map(({ desc }) => desc.parent),
      ...init.mounts.flatMap(({ services }) => services),
    ]),
    requestGate: async (context) => {
      const exchange = exchangeOf(context.values);
      watchErrors(context, exchange, own.has(exchange.call.method));
      try {
        if (!init.open.has(exchange.call.method)) await parts.gate.authenticate(exchange.call);
        checkGet(context);
      } catch (thrown) {
        throw fail(exchange, thrown);
      }
    },
  });
  for (const rpc of init.rpcs) route(router, rpc);
  for (const mount of init.mounts) mount.routes(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));

  const serve = (handler: UniversalHandler, request: ServerRequest, response: ServerResponse): void => {
    const call = calls.open(openingOf(request, handler.requestPath, protocolOf(request)));
    call.streaming = handler.method.methodKind !== 'unary';
    const text = isGrpcWebText(request.headers['content-type']);
    const exchange = createExchange(call, request, response, text, parts.statusOf ?? statusOf, options.maxRequestBytes);

    const end = (): void => {
      stopWaiting?.();
      calls.end(call, exchange.fault);
    };
    const emitter = finished(response);
    // Node's HTTP/2 says `finish` of a response that its caller reset, too.
    emitter.once('finish', () => {
      if (response.writableEnded) end();
    });
    emitter.once('close', () => {
      call.cancellation.cancel(new Fault('CANCELLED', 'the caller went away'));
      end();
    });

    const timeout = timeoutOf(call.protocol, request);
    if (timeout !== undefined) calls.armDeadline(call, timeout);
    const stopWaiting = sendsMany(handler.method)
      ? undefined
      : parts.clock.after(options.requestTimeoutMs, () => {
          if (exchange.body.ended) return;
          call.cancellation.cancel(new Fault('CALLER_TIMEOUT', 'the request took too long to arrive'));
        });

    if (call.protocol === 'grpc' && request.httpVersionMajor < 2) {
      exchange.fault = new Fault('MEDIA_TYPE_UNSUPPORTED', 'gRPC needs HTTP/2');
      void respond(exchange, { status: 505 }, stallMs).catch(() => reset(response));
      return;
    }
    handler(universalRequest(exchange))
      .then((reply) => {
        exchange.fault ??= refusalOf(reply.status);
        return respond(exchange, { ...reply, header: hint(reply, handler) }, stallMs);
      })
      .catch((thrown: unknown) => {
        exchange.fault ??= faultOf(thrown);
        reset(response);
      });
  };

  return {
    route(request) {
      const handler = handlers.get(pathname(request.url ?? ''));
      if (handler !== undefined) return (req, res) => serve(handler, req, res);
      if (!refusesUnknown(request)) return undefined;
      return (req, res) => {
        // One name for all of them: callers must not be able to make up metric labels.
        const call = calls.open(openingOf(req, 'unknown', protocolOf(req)));
        const fault = new Fault('ROUTE_NOT_FOUND', 'unknown method');
        finished(res).once('close', () => calls.end(call, fault));
        refuseUnknown(call, fault, req, res);
      };
    },
  };
}

const pathname = (url: string): string => {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
};

const sendsMany = ({ methodKind }: DescMethod): boolean =>
  methodKind === 'client_streaming' || methodKind === 'bidi_streaming';

function protocolOf(request: ServerRequest): Protocol {
  const type = request.headers['content-type'];
  if (type === undefined || !type.startsWith('application/grpc')) return 'connect';
  return type.startsWith('application/grpc-web') ? 'grpc-web' : 'grpc';
}

function timeoutOf(protocol: Protocol, { headers }: ServerRequest): number | undefined {
  const value = headers[protocol === 'connect' ? 'connect-timeout-ms' : 'grpc-timeout'];
  const text = Array.isArray(value) ? value[0] : value;
  return protocol === 'connect' ? connectTimeout(text) : grpcTimeout(text);
}

/** What Connect refuses with a bare HTTP status, before a protocol is chosen. */
function refusalOf(status: number): Fault | undefined {
  if (status === 415) return new Fault('MEDIA_TYPE_UNSUPPORTED', 'unsupported media type');
  if (status === 405) return new Fault('METHOD_NOT_ALLOWED', 'method not allowed');
  return status === 505 ? new Fault('MEDIA_TYPE_UNSUPPORTED', 'a bidirectional stream needs HTTP/2') : undefined;
}

/** A bare refusal says what would have been taken. */
function hint({ status, header }: UniversalServerResponse, handler: UniversalHandler): Headers {
  const headers = header ?? new Headers();
  if (status === 405) headers.set('allow', [...new Set(handler.allowedMethods)].join(', '));
  if (status === 415) headers.set('accept-post', handler.method.methodKind === 'unary' ? unaryTypes : streamTypes);
  return headers;
}

const grpcTypes = 'application/grpc, application/grpc-web';
const unaryTypes = `application/json, application/proto, ${grpcTypes}`;
const streamTypes = `application/connect+json, application/connect+proto, ${grpcTypes}`;

/** Remembers the fault of the call and makes what Connect has to throw of it. */
function fail(exchange: Exchange, thrown: unknown): Error {
  exchange.fault ??= Fault.from(thrown);
  return connectErrorOf(exchange.fault, exchange.statusOf(exchange.fault));
}

/**
 * Hears of every failure before Connect encodes it: Connect aborts the context with the error first. Errors of
 * mounted handlers (`own` is false) are theirs to shape.
 */
function watchErrors(context: HandlerContext, exchange: Exchange, own: boolean): void {
  context.signal.addEventListener('abort', () => {
    const error: unknown = context.signal.reason;
    if (!(error instanceof ConnectError)) return;
    const fault = faultOf(error);
    exchange.fault ??= fault;
    if (own && !(error.cause instanceof Fault)) completeError(error, fault, exchange.statusOf(fault));
  });
}

function route(router: ConnectRouter, { desc, handle }: Rpc): void {
  switch (desc.methodKind) {
    case 'unary':
      router.rpc(desc as DescMethodUnary, async (message, context) => {
        const exchange = arrivedIn(context);
        const reply = new UnaryReply<Message>();
        try {
          await uncancelled(exchange, handle(exchange.call, message, reply));
          return reply.take();
        } catch (thrown) {
          throw fail(exchange, thrown);
        } finally {
          addTrailers(exchange, context);
        }
      });
      break;
    case 'server_streaming':
      router.rpc(desc as DescMethodServerStreaming, (message, context) => {
        const exchange = arrivedIn(context);
        const reply = new StreamReply<Message>((fault) => fail(exchange, fault));
        uncancelled(exchange, handle(exchange.call, message, reply))
          .finally(() => addTrailers(exchange, context))
          .then(
            () => reply.end(),
            (thrown: unknown) => reply.end(Fault.from(thrown)),
          );
        return reply;
      });
      break;
    default:
      throw new Error(`${pathOf(desc)}: a method that takes a stream is mounted, not routed`);
  }
}

/** The exchange of a request whose message has arrived. */
function arrivedIn({ values }: HandlerContext): Exchange {
  const exchange = exchangeOf(values);
  const { call, kept } = exchange;
  if (kept !== undefined) call.body = kept.message(call);
  return exchange;
}

function addTrailers({ call }: Exchange, { responseTrailer }: HandlerContext): void {
  for (const name in call.replyTrailers) responseTrailer.append(name, call.replyTrailers[name] ?? '');
}

/** Follows a method until it is done or the call is cancelled: the caller is told at once, whatever the method does. */
function uncancelled({ call }: Exchange, done: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const forget = call.cancellation.onCancel(reject);
    done.then(resolve, reject).finally(forget);
  });
}
