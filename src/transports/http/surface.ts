import type { Message } from '@bufbuild/protobuf';
import { ChatCompletionRequestSchema } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Gate } from '../../kernel/gate.ts';
import type { Calls } from '../calls.ts';

import { openingOf } from '../opening.ts';
import type { MetricsPage, ServerOptions, ServerParts } from '../parts.ts';
import { pathOf } from '../paths.ts';
import type { SurfaceHandler, SurfaceRequest, SurfaceResponse } from '../surface-io.ts';
import { UnaryReply } from '../unary-reply.ts';
import { readBody, requireJson } from './body.ts';
import { serveChat } from './chat.ts';
import { type AnswerCodec, answerCodec } from './codecs.ts';
import { Exchange, refuse } from './exchange.ts';
import { sendText } from './json-reply.ts';
import { requestOf } from './query.ts';
import { createRoutes, type Route } from './routes.ts';

type SurfaceParts = Pick<ServerParts, 'rpcs' | 'gate' | 'clock' | 'metrics' | 'seals'>;
type SurfaceOptions = Pick<ServerOptions, 'maxRequestBytes' | 'requestTimeoutMs' | 'stalledReaderMs' | 'ssePingMs'>;

export interface HttpSurface {
  readonly handle: SurfaceHandler;
  /** The paths to which a body is posted. */
  readonly plainPaths: readonly string[];
}

/**
 * The HTTP/JSON surface: every route of the contract's `google.api.http` options, in OpenAI's shapes, and
 * `GET /metrics`. What it does not serve is 404, a wrong verb 405. It takes what no RPC protocol has claimed.
 */
export function createHttpSurface(parts: SurfaceParts, options: SurfaceOptions, calls: Calls): HttpSurface {
  const { gate, clock, metrics } = parts;
  const times = { stallMs: options.stalledReaderMs, pingMs: options.ssePingMs ?? 0, clock };
  const table = createRoutes(parts.rpcs);
  const codecs = new Map<Route, AnswerCodec>();
  for (const route of table.routes) {
    if (!route.body) codecs.set(route, answerCodec(route));
    else if (route.rpc.desc.input.typeName !== ChatCompletionRequestSchema.typeName)
      throw new Error(`${route.verb} ${route.template}: no codec for a body of ${route.rpc.desc.input.typeName}`);
  }

  function serve(request: SurfaceRequest, response: SurfaceResponse, verb: string, path: string, query: string): void {
    const found = table.match(verb, path);
    if (found === undefined) {
      const message = `unknown URL: ${verb} ${path.slice(0, 200)}`;
      refuse(calls, request, response, new Fault('ROUTE_NOT_FOUND', message));
    } else if ('allow' in found) refuseVerb(calls, request, response, verb, found.allow);
    else {
      const { route, variables } = found;
      const exchange = new Exchange(
        calls,
        calls.open(openingOf(request, pathOf(route.rpc.desc), 'http')),
        request,
        response,
      );
      const codec = codecs.get(route);
      const proceed = (): void => {
        if (codec === undefined) withBody(exchange, route);
        else settle(exchange, ask(exchange, route, codec, requestOf(route.rpc.desc.input, variables, query)));
      };
      attempt(exchange, () => {
        if (codec === undefined) requireJson(request);
        const admitted = gate.authenticate(exchange.call);
        if (admitted === undefined) proceed();
        else
          admitted.then(
            () => attempt(exchange, proceed),
            (thrown: unknown) => exchange.fail(Fault.from(thrown)),
          );
      });
    }
  }

  function withBody(exchange: Exchange, route: Route): void {
    readBody(exchange.request, options, clock, (fault, bytes) => {
      if (fault !== undefined) exchange.fail(fault);
      else attempt(exchange, () => settle(exchange, serveChat(exchange, route, bytes, times, parts.seals)));
    });
  }

  function serveMetrics(request: SurfaceRequest, response: SurfaceResponse, verb: string): void {
    if (verb !== 'GET' && verb !== 'HEAD') {
      refuseVerb(calls, request, response, verb, ['GET', 'HEAD']);
      return;
    }
    if (metrics === undefined) return;
    if (metrics.gate !== undefined) {
      serveGuarded(request, response, metrics, metrics.gate);
      return;
    }
    metrics.text().then(
      (text) => sendText(request, response, 200, { 'content-type': metrics.contentType }, text),
      (thrown: unknown) => refuse(calls, request, response, Fault.from(thrown)),
    );
  }

  /** The metrics page for those who may read it: a call like any other. */
  function serveGuarded(request: SurfaceRequest, response: SurfaceResponse, page: MetricsPage, guard: Gate): void {
    const exchange = new Exchange(calls, calls.open(openingOf(request, '/metrics', 'http')), request, response);
    const show = async (): Promise<void> => {
      await guard.authenticate(exchange.call);
      const headers = { ...exchange.call.replyHeaders, 'content-type': page.contentType };
      sendText(request, response, 200, headers, await page.text());
      exchange.settle(undefined);
    };
    settle(exchange, show());
  }

  const handle: SurfaceHandler = (request, response) => {
    const url = request.url ?? '/';
    const mark = url.indexOf('?');
    const path = mark < 0 ? url : url.slice(0, mark);
    const verb = request.method ?? 'GET';
    try {
      if (path === '/metrics' && metrics !== undefined) serveMetrics(request, response, verb);
      else serve(request, response, verb, path, mark < 0 ? '' : url.slice(mark + 1));
    } catch (thrown) {
      refuse(calls, request, response, Fault.from(thrown));
    }
  };
  const posts = table.routes.filter(({ verb, body, template }) => verb === 'POST' && body && !template.includes('{'));
  return { handle, plainPaths: posts.map(({ template }) => template) };
}

function refuseVerb(
  calls: Calls,
  request: SurfaceRequest,
  response: SurfaceResponse,
  verb: string,
  allow: readonly string[],
): void {
  const headers = { allow: allow.join(', ') };
  if (verb === 'OPTIONS') {
    response.writeHead(204, headers);
    response.end();
  } else refuse(calls, request, response, new Fault('METHOD_NOT_ALLOWED', `${verb} is not allowed here`), headers);
}

/** Runs a step of a call; what it throws is the call's fault. */
function attempt(exchange: Exchange, step: () => void): void {
  try {
    step();
  } catch (thrown) {
    exchange.fail(Fault.from(thrown));
  }
}

function settle(exchange: Exchange, work: Promise<void>): void {
  work.catch((thrown: unknown) => exchange.fail(Fault.from(thrown)));
}

/** A method whose request is its path and query. */
async function ask(exchange: Exchange, { rpc }: Route, codec: AnswerCodec, request: Message): Promise<void> {
  const reply = new UnaryReply<Message>();
  await rpc.handle(exchange.call, request, reply);
  const answer = reply.take();
  exchange.answer(codec.status(answer), codec.text(answer));
}
