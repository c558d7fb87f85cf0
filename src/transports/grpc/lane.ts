import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Rpc } from '../../kernel/method.ts';
import type { StreamHandler } from '../listener.ts';
import { peerOf } from '../opening.ts';
import { answerCoding, codingOf } from '../rpc/compression.ts';
import { createEntrance, type LaneInit, oneMessageMethods } from '../rpc/entrance.ts';
import { createSurroundings } from '../rpc/surroundings.ts';
import { grpcTimeout } from '../timeout.ts';
import { GrpcExchange } from './exchange.ts';

/**
 * gRPC on HTTP/2 streams as they are, for methods that take one message: unary and server streams in binary. Returns
 * false for every other request; the Connect lane serves those, and is the reference for what these do.
 */
export function createGrpcLane(init: LaneInit): StreamHandler {
  const { calls } = init;
  const around = createSurroundings(init.parts, init.options, calls);
  const methods = oneMessageMethods(init.rpcs);
  const enter = createEntrance(init);

  const serve = (path: string, rpc: Rpc, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void => {
    const call = calls.open({ method: path, protocol: 'grpc', headers, ...peerOf(stream.session) });
    call.streaming = rpc.desc.methodKind !== 'unary';
    const codingName = call.header('grpc-encoding');
    const coding = codingOf(codingName);
    const answer = answerCoding(coding ?? undefined, call.header('grpc-accept-encoding'));
    const exchange = new GrpcExchange(around, rpc, call, stream, coding ?? undefined, answer);
    const timeoutText = call.header('grpc-timeout');
    enter(exchange, { codingName, coding, timeoutText, timeout: grpcTimeout(timeoutText) });
  };

  return (stream, headers) => {
    const path = headers[':path'] ?? '';
    const rpc = methods.get(path);
    if (rpc === undefined || !isPlainGrpc(headers)) return false;
    serve(path, rpc, stream, headers);
    return true;
  };
}

/** Browsers don't speak gRPC: what has an origin is for the cross-origin rules to judge. */
const isPlainGrpc = (headers: IncomingHttpHeaders): boolean =>
  binaryTypes.has(headers['content-type'] ?? '') &&
  headers[':method'] === 'POST' &&
  headers.origin === undefined &&
  headers.expect === undefined;

const binaryTypes: ReadonlySet<string> = new Set(['application/grpc', 'application/grpc+proto']);
