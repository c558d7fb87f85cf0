import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Call } from '../../kernel/call.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Rpc } from '../../kernel/method.ts';
import type { Calls } from '../calls.ts';
import type { StreamHandler } from '../listener.ts';
import { peerOf } from '../opening.ts';
import type { ServerOptions, ServerParts } from '../parts.ts';
import { pathOf } from '../paths.ts';
import { Patience } from '../patience.ts';
import { statusOf } from '../status.ts';
import { grpcTimeout } from '../timeout.ts';
import { answerCoding, codingNames, codingOf } from './compression.ts';
import { GrpcExchange } from './exchange.ts';
import { unknownCoding, unreadable } from './refusal.ts';
import type { Surroundings } from './surroundings.ts';

export interface GrpcLaneInit {
  readonly rpcs: readonly Rpc[];
  /** Methods that need no credential, by path. */
  readonly open: ReadonlySet<string>;
  readonly parts: Pick<ServerParts, 'gate' | 'clock' | 'statusOf'>;
  readonly options: Pick<ServerOptions, 'maxRequestBytes' | 'requestTimeoutMs' | 'stalledReaderMs'>;
  readonly calls: Calls;
}

/** How long the answer to a call that was cancelled may wait for a reader that does not read. */
const lingerMs = 1_000;

/**
 * gRPC on HTTP/2 streams as they are, for methods that take one message: unary and server streams in binary. Returns
 * false for every other request; the Connect lane serves those, and is the reference for what these do.
 */
export function createGrpcLane({ rpcs, open, parts, options, calls }: GrpcLaneInit): StreamHandler {
  const around: Surroundings = {
    calls,
    maxRequestBytes: options.maxRequestBytes,
    statusOf: parts.statusOf ?? statusOf,
    arriving: new Patience(parts.clock, options.requestTimeoutMs, (exchange) => exchange.late()),
    unread: new Patience(parts.clock, options.stalledReaderMs ?? 120_000, (exchange) => exchange.abandon()),
    lingering: new Patience(parts.clock, lingerMs, (exchange) => exchange.abandon()),
  };
  const served = rpcs.filter(({ desc }) => desc.methodKind === 'unary' || desc.methodKind === 'server_streaming');
  const methods = new Map(served.map((rpc) => [pathOf(rpc.desc), rpc]));

  /** Runs `next` once the gate has let the call in. */
  const admit = (call: Call, exchange: GrpcExchange, next: () => void): void => {
    const refuse = (thrown: unknown): void => exchange.refuse({ fault: Fault.from(thrown) });
    try {
      const waiting = open.has(call.method) ? undefined : parts.gate.authenticate(call);
      if (waiting === undefined) next();
      else waiting.then(next, refuse);
    } catch (thrown) {
      refuse(thrown);
    }
  };

  const serve = (path: string, rpc: Rpc, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void => {
    const call = calls.open({ method: path, protocol: 'grpc', headers, ...peerOf(stream.session) });
    call.streaming = rpc.desc.methodKind !== 'unary';
    const coding = codingOf(single(headers['grpc-encoding']));
    const answer = answerCoding(coding ?? undefined, single(headers['grpc-accept-encoding']));
    const exchange = new GrpcExchange(around, rpc, call, stream, coding ?? undefined, answer);
    const timeoutText = single(headers['grpc-timeout']);
    const timeout = grpcTimeout(timeoutText);
    if (timeout !== undefined) calls.armDeadline(call, timeout);
    admit(call, exchange, () => {
      if (coding === null) exchange.refuse(unknownCoding(codingNames));
      else if (timeoutText !== undefined && timeout === undefined) exchange.refuse(unreadable());
      else exchange.read();
    });
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

const single = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);
