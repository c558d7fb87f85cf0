import { setTimeout as sleep } from 'node:timers/promises';
import type { FileRegistry, Message } from '@bufbuild/protobuf';
import { type Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import type { Mount } from '../../src/transports/connect/lane.ts';
import {
  createPayloads,
  type ErrorDefinition,
  type Metadata,
  type StreamDefinition,
  type StreamRequest,
  type UnaryDefinition,
  type UnaryRequest,
} from './definitions.ts';
import { conformanceService } from './descriptors.ts';

/**
 * The suite's methods that are no `Rpc`, as its proto describes them: those that take a stream, and the one that may be
 * called by GET. They answer what the request says they should be answered.
 */
export function mountConformance(registry: FileRegistry): Mount {
  const service = conformanceService(registry);
  const payloads = createPayloads(registry);
  const method = (localName: string) => {
    const desc = service.method[localName];
    if (desc === undefined) throw new Error(`the suite has no method ${localName}`);
    return desc;
  };

  const requestInfo = (context: HandlerContext, requests: readonly Message[]): Message =>
    payloads.requestInfo({
      headers: context.requestHeader,
      timeoutMs: context.timeoutMs(),
      requests,
      ...(context.requestMethod === 'GET' ? { query: new URL(context.url).searchParams } : {}),
    });

  const errorOf = (definition: ErrorDefinition, info: Message | undefined): ConnectError => {
    const details = payloads.details(definition, info);
    return new ConnectError(definition.message ?? '', definition.code as Code, undefined, details);
  };

  const answer = async (
    context: HandlerContext,
    definition: UnaryDefinition | undefined,
    requests: readonly Message[],
  ): Promise<object> => {
    setHeaders(context, definition);
    if (definition?.responseDelayMs) await pause(definition.responseDelayMs, context);
    const info = requestInfo(context, requests);
    if (definition?.response.case === 'error') throw errorOf(definition.response.value, info);
    const data = definition?.response.case === 'responseData' ? definition.response.value : new Uint8Array();
    return { payload: { data, requestInfo: info } };
  };

  const unary = (request: Message, context: HandlerContext): Promise<object> =>
    answer(context, (request as UnaryRequest).responseDefinition, [request]);

  const clientStream = async (requests: AsyncIterable<Message>, context: HandlerContext): Promise<object> => {
    const all: Message[] = [];
    for await (const request of requests) all.push(request);
    return answer(context, (all[0] as UnaryRequest | undefined)?.responseDefinition, all);
  };

  /** Sends what the definition says, with the requests told in the first message only. */
  async function* send(
    context: HandlerContext,
    definition: StreamDefinition | undefined,
    requests: readonly Message[],
  ): AsyncGenerator<object> {
    setHeaders(context, definition);
    let info: Message | undefined = requestInfo(context, requests);
    for (const data of definition?.responseData ?? []) {
      if (definition?.responseDelayMs) await pause(definition.responseDelayMs, context);
      yield { payload: info === undefined ? { data } : { data, requestInfo: info } };
      info = undefined;
    }
    if (definition?.error) throw errorOf(definition.error, info);
  }

  async function* bidiStream(requests: AsyncIterable<Message>, context: HandlerContext): AsyncGenerator<object> {
    const unanswered: Message[] = [];
    let first: StreamRequest | undefined;
    let sent = 0;
    for await (const request of requests) {
      unanswered.push(request);
      if (first === undefined) {
        first = request as StreamRequest;
        setHeaders(context, first.responseDefinition);
      }
      if (first.fullDuplex !== true) continue;
      const definition = first.responseDefinition;
      const data = definition?.responseData[sent];
      if (definition === undefined || data === undefined) break;
      if (definition.responseDelayMs) await pause(definition.responseDelayMs, context);
      yield { payload: { data, requestInfo: requestInfo(context, unanswered.splice(0)) } };
      sent++;
    }
    const definition = first?.responseDefinition;
    if (definition === undefined) return;
    const rest = {
      ...definition,
      responseHeaders: [],
      responseTrailers: [],
      responseData: definition.responseData.slice(sent),
    };
    if (sent === 0) {
      yield* send(context, rest, unanswered);
      return;
    }
    for (const data of rest.responseData) {
      if (rest.responseDelayMs) await pause(rest.responseDelayMs, context);
      yield { payload: { data } };
    }
    if (rest.error) throw errorOf(rest.error, undefined);
  }

  return {
    services: [service],
    routes(router) {
      const implementations = { idempotentUnary: unary, clientStream, bidiStream };
      for (const [name, implementation] of Object.entries(implementations)) {
        router.rpc(method(name), implementation as never);
      }
    },
  };
}

function setHeaders(context: HandlerContext, definition: Metadata | undefined): void {
  for (const { name, value } of definition?.responseHeaders ?? []) {
    for (const one of value) context.responseHeader.append(name, one);
  }
  for (const { name, value } of definition?.responseTrailers ?? []) {
    for (const one of value) context.responseTrailer.append(name, one);
  }
}

/** Waits, unless the call is cancelled; the suite expects no details with that. */
const pause = (ms: number, { signal }: HandlerContext): Promise<void> =>
  sleep(ms, undefined, { signal }).catch(() => {
    const { rawMessage, code } = ConnectError.from(signal.reason);
    throw new ConnectError(rawMessage, code);
  });
