import type {
  ChatCompletionResponse,
  StreamChatCompletionResponse,
} from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Fault, invalidField } from '../../kernel/fault.ts';
import type { Method, Rpc } from '../../kernel/method.ts';
import type { Seals } from '../../kernel/seals.ts';
import { pathOf } from '../paths.ts';
import { UnaryReply } from '../unary-reply.ts';
import { sealedEnvelope } from './envelope.ts';
import type { Exchange } from './exchange.ts';
import { type DecodedRequest, decodeRequest } from './openai/request.ts';
import { encodeResponse } from './openai/response.ts';
import type { Route } from './routes.ts';
import { SseReply, type SseTimes } from './sse.ts';

/** What a sealed request to this surface is bound to, and its reply (docs/sealing.md). */
const sealedMethod = '/v1/chat/completions';

/**
 * Answers a chat request with a whole completion, or a stream of chunks where the body asks for one. A sealed request is
 * `{"sealed": ...}` around the body of one in the clear; `seals` is undefined where none is opened.
 */
export function serveChat(
  exchange: Exchange,
  route: Route,
  body: Buffer,
  times: SseTimes,
  seals: Seals | undefined,
): Promise<void> {
  if (exchange.call.isSigned) exchange.call.body = body;
  const decoded = decodeRequest(body);
  const { sealed } = decoded.request;
  if (sealed === undefined) return serveDecoded(exchange, route, decoded, times);
  if (seals === undefined)
    throw invalidField('sealed', 'this gateway opens no sealed messages (security.sealing.mode)');
  return seals.open(exchange.call, sealed, sealedMethod).then((opened) => {
    exchange.envelope = sealedEnvelope(opened);
    return serveDecoded(exchange, route, decodeRequest(opened.plaintext), times);
  });
}

function serveDecoded(exchange: Exchange, route: Route, decoded: DecodedRequest, times: SseTimes): Promise<void> {
  const { call } = exchange;
  if (decoded.plain !== undefined) call.source = { dialect: 'openai', json: decoded.plain };
  if (!decoded.stream) return serveWhole(exchange, route.rpc, decoded);
  if (route.stream === undefined) throw new Fault('ROUTE_NOT_FOUND', 'this method has no streamed form');
  call.streaming = true;
  call.method = pathOf(route.stream.desc);
  return serveStream(exchange, route.stream, decoded, times);
}

async function serveWhole(exchange: Exchange, { handle }: Rpc, decoded: DecodedRequest): Promise<void> {
  const reply = new UnaryReply<ChatCompletionResponse>();
  await (handle as unknown as Method<DecodedRequest['request'], ChatCompletionResponse>)(
    exchange.call,
    decoded.request,
    reply,
  );
  exchange.answer(200, encodeResponse(reply.take(), decoded.legacyFunctions));
}

async function serveStream(
  exchange: Exchange,
  { handle }: Rpc,
  decoded: DecodedRequest,
  times: SseTimes,
): Promise<void> {
  const { call, response } = exchange;
  const options = {
    includeUsage: decoded.request.streamOptions?.includeUsage === true,
    legacyFunctions: decoded.legacyFunctions,
  };
  const reply = new SseReply(call, response, options, times, exchange.envelope);
  try {
    await (handle as unknown as Method<DecodedRequest['request'], StreamChatCompletionResponse>)(
      call,
      decoded.request,
      reply,
    );
    reply.end();
    exchange.settle(undefined);
  } catch (thrown) {
    const fault = Fault.from(thrown);
    if (!reply.started) {
      reply.stop();
      throw fault;
    }
    reply.fail(fault);
    exchange.settle(fault);
  }
}
