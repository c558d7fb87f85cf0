import type { JsonWriteOptions } from '@bufbuild/protobuf';
import type { Protocol } from '../../kernel/call.ts';
import type { Rpc } from '../../kernel/method.ts';
import { grpcWebBinaryType, grpcWebTextType } from '../connect/grpc-web-text.ts';
import { jsonOptions } from '../connect/json.ts';
import type { ServerRequest, ServerResponse } from '../listener.ts';
import { openingOf } from '../opening.ts';
import { codingOf, negotiatedCoding } from '../rpc/compression.ts';
import { createEntrance, type LaneInit, oneMessageMethods } from '../rpc/entrance.ts';
import type { RpcExchange } from '../rpc/exchange.ts';
import type { Refusals } from '../rpc/refusal.ts';
import { createSurroundings, type Surroundings } from '../rpc/surroundings.ts';
import { connectTimeout, grpcTimeout } from '../timeout.ts';
import { type Codec, jsonCodec, protoCodec } from './codec.ts';
import { ConnectUnaryExchange } from './connect-unary.ts';
import { EnvelopedExchange, type EnvelopedForm } from './enveloped.ts';
import type { WebCall } from './exchange.ts';
import { connectStream, grpcWeb } from './forms.ts';
import { webRefusals } from './refusals.ts';

/** Serves a request if it is one of the lane's; false leaves it, untouched, to others. */
export type WebLane = (request: ServerRequest, response: ServerResponse) => boolean;

/** How the calls of one protocol are told by their headers, and what serves them. */
interface Entry {
  readonly protocol: Protocol;
  readonly codingHeader: string;
  readonly acceptHeader: string;
  readonly timeoutHeader: string;
  timeoutOf(text: string | undefined): number | undefined;
  exchange(web: WebCall): RpcExchange;
}

/**
 * Connect and gRPC-web on Node's requests and responses, for methods that take one message: the usual content types, by
 * POST. What it does not know to the letter connect-es serves, which is the reference for what this does.
 */
export function createWebLane(init: LaneInit): WebLane {
  const { calls, rpcs } = init;
  const around = createSurroundings(init.parts, init.options, calls);
  const methods = oneMessageMethods(rpcs);
  const enter = createEntrance(init);
  const json = jsonOptions(rpcs.map(({ desc }) => desc.parent));
  const unary = entriesOf(around, json, true);
  const streams = entriesOf(around, json, false);

  return (request, response) => {
    const path = request.url ?? '';
    const rpc = request.method === 'POST' ? methods.get(path) : undefined;
    if (rpc === undefined) return false;
    const isUnary = rpc.desc.methodKind === 'unary';
    const entry = (isUnary ? unary : streams).get(request.headers['content-type'] ?? '');
    if (entry === undefined) return false;
    serve(entry, path, rpc, isUnary, request, response);
    return true;
  };

  function serve(
    entry: Entry,
    path: string,
    rpc: Rpc,
    isUnary: boolean,
    request: ServerRequest,
    response: ServerResponse,
  ): void {
    const call = calls.open(openingOf(request, path, entry.protocol));
    call.streaming = !isUnary;
    const codingName = call.header(entry.codingHeader);
    const coding = codingOf(codingName);
    const known = coding ?? undefined;
    const answerCoding = negotiatedCoding(known, call.header(entry.acceptHeader));
    const exchange = entry.exchange({ call, rpc, request, response, coding: known, answerCoding });
    const timeoutText = call.header(entry.timeoutHeader);
    enter(exchange, { codingName, coding, timeoutText, timeout: entry.timeoutOf(timeoutText) });
  }
}

/** What serves calls of unary methods, or of streams, by content type. */
function entriesOf(around: Surroundings, json: Partial<JsonWriteOptions>, unary: boolean): ReadonlyMap<string, Entry> {
  const limit = around.maxRequestBytes;
  const connectRefusals = webRefusals({ protocol: 'connect', unary, limit });
  const webOnes = webRefusals({ protocol: 'grpc', unary, limit });
  const jsonForm = jsonCodec(json);
  const enveloped = (form: EnvelopedForm, refusals: Refusals) => (web: WebCall) =>
    new EnvelopedExchange(around, web, refusals, form);

  const connect = (codec: Codec, contentType: string): Entry => ({
    ...(unary ? unaryHeaders : connectStreamHeaders),
    exchange: unary
      ? (web) => new ConnectUnaryExchange(around, web, connectRefusals, { codec, contentType, json })
      : enveloped(connectStream(codec, contentType, json), connectRefusals),
  });
  const grpc = (codec: Codec, contentType: string): Entry => ({
    ...grpcWebHeaders,
    exchange: enveloped(grpcWeb(codec, contentType), webOnes),
  });

  const prefix = unary ? 'application/' : 'application/connect+';
  const connectJson = connect(jsonForm, `${prefix}json`);
  const binary = grpc(protoCodec, grpcWebBinaryType);
  const text = grpc(protoCodec, grpcWebTextType);
  return new Map([
    [`${prefix}proto`, connect(protoCodec, `${prefix}proto`)],
    [`${prefix}json`, connectJson],
    [`${prefix}json; charset=utf-8`, connectJson],
    [`${prefix}json;charset=utf-8`, connectJson],
    ['application/grpc-web', binary],
    [grpcWebBinaryType, binary],
    ['application/grpc-web+json', grpc(jsonForm, 'application/grpc-web+json')],
    ['application/grpc-web-text', text],
    [grpcWebTextType, text],
  ]);
}

const unaryHeaders = {
  protocol: 'connect',
  codingHeader: 'content-encoding',
  acceptHeader: 'accept-encoding',
  timeoutHeader: 'connect-timeout-ms',
  timeoutOf: connectTimeout,
} as const;

const connectStreamHeaders = {
  ...unaryHeaders,
  codingHeader: 'connect-content-encoding',
  acceptHeader: 'connect-accept-encoding',
} as const;

const grpcWebHeaders = {
  protocol: 'grpc-web',
  codingHeader: 'grpc-encoding',
  acceptHeader: 'grpc-accept-encoding',
  timeoutHeader: 'grpc-timeout',
  timeoutOf: grpcTimeout,
} as const;
