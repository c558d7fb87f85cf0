import type {
  ChatCompletionRequest,
  ChatCompletionResponse,
  StreamChatCompletionResponse,
} from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { ChatService } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { ParameterAction, type ParameterNote } from '../../gen/es/llmbridge/v1/report_pb.ts';
import type { EncodedRequest } from '../kernel/adapter.ts';
import type { Call } from '../kernel/call.ts';
import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { type Method, type Reply, type Rpc, rpc } from '../kernel/method.ts';
import type { Target } from '../kernel/provider.ts';
import { StreamedAnswer, WholeAnswer } from './answer.ts';
import { type AnswerReader, AttemptExchange, type AttemptTimeouts } from './exchange.ts';
import { failOver } from './failover.ts';
import { openReport, recordAttempt } from './report.ts';
import { type Catalog, resolve } from './resolve.ts';
import { Tail } from './tail.ts';
import { validate } from './validate.ts';

/** What the recipe needs. `catalog` is asked anew for each call, so that it may be swapped. */
export interface ChatParts {
  readonly catalog: () => Catalog;
  readonly clock: Clock;
  readonly timeouts: AttemptTimeouts;
}

/** ChatService: plan targets, attempt them in order, account for what came. */
export function createChat(parts: ChatParts): readonly Rpc[] {
  const complete: Method<ChatCompletionRequest, ChatCompletionResponse> = async (call, request, reply) => {
    const { targets } = plan(parts, call, request);
    const report = openReport(call);
    const response = await failOver(call, targets, (target) => attemptWhole(parts, call, request, target), never);
    call.usage = response.usage;
    call.firstTokenAt = parts.clock.now();
    response.report = report;
    reply.message(response);
  };

  const stream: Method<ChatCompletionRequest, StreamChatCompletionResponse> = async (call, request, reply) => {
    call.streaming = true;
    const { targets } = plan(parts, call, request);
    const report = openReport(call);
    const committed = () => call.firstTokenAt !== undefined;
    const tail = await failOver(
      call,
      targets,
      (target) => attemptStream(parts, call, request, target, reply),
      committed,
    );
    report.firstTokenMs = Math.round((call.firstTokenAt ?? parts.clock.now()) - call.startedAt);
    reply.message(tail.finish(report));
  };

  return [rpc(ChatService.method.chatCompletion, complete), rpc(ChatService.method.streamChatCompletion, stream)];
}

const never = () => false;

function plan(parts: ChatParts, call: Call, request: ChatCompletionRequest) {
  call.requestedModel = request.model;
  const resolution = resolve(parts.catalog(), call, request);
  call.requestedModel = resolution.name;
  validate(request);
  return resolution;
}

async function attemptWhole(parts: ChatParts, call: Call, request: ChatCompletionRequest, target: Target) {
  const answer = new WholeAnswer(target.provider.adapter);
  await attempt(parts, call, encode(call, request, target, false), target, answer, () => {});
  if (answer.response === undefined) throw new Fault('INTERNAL', 'internal error');
  return answer.response;
}

async function attemptStream(
  parts: ChatParts,
  call: Call,
  request: ChatCompletionRequest,
  target: Target,
  reply: Reply<StreamChatCompletionResponse>,
): Promise<Tail> {
  const tail = new Tail();
  // Until something meaningful has come, nothing reaches the caller: another target may still serve.
  let early: StreamChatCompletionResponse[] | undefined = [];
  let exchange: AttemptExchange | undefined;
  const send = (chunk: StreamChatCompletionResponse) => {
    if (reply.message(chunk) || exchange === undefined) return;
    exchange.pause();
    reply.onDrain(() => exchange?.resume());
  };
  const answer = new StreamedAnswer(target.provider.adapter, (chunk) => {
    if (chunk.usage) call.usage = chunk.usage;
    if (early !== undefined) {
      early.push(chunk);
      if (!answer.begun) return;
      call.firstTokenAt = parts.clock.now();
      const held = early;
      early = undefined;
      for (const each of held) tail.push(each, send);
    } else {
      tail.push(chunk, send);
    }
  });
  await attempt(parts, call, encode(call, request, target, true), target, answer, (started) => {
    exchange = started;
  });
  for (const each of early ?? []) tail.push(each, send);
  return tail;
}

function attempt(
  { clock, timeouts }: ChatParts,
  call: Call,
  request: EncodedRequest,
  target: Target,
  reader: AnswerReader,
  started: (exchange: AttemptExchange) => void,
): Promise<void> {
  const startedAt = clock.now();
  return new Promise<void>((resolve, reject) => {
    const exchange = new AttemptExchange(target, reader, clock, timeouts, (fault) => {
      if (call.report) {
        call.report.parameters = [...request.notes];
        recordAttempt(call.report, target, exchange.status, clock.now() - startedAt, fault);
      }
      if (fault === undefined) resolve();
      else reject(fault);
    });
    started(exchange);
    exchange.start(call, request);
  });
}

function encode(call: Call, request: ChatCompletionRequest, target: Target, stream: boolean): EncodedRequest {
  const { provider, model } = target;
  const encoded = provider.adapter.encode({
    request,
    source: call.source,
    model,
    apiKey: provider.keys[0] ?? '',
    stream,
  });
  if (request.strict) refuseLosses(encoded.notes, provider.name);
  return encoded;
}

function refuseLosses(notes: readonly ParameterNote[], provider: string): void {
  const lost = notes.filter(({ action }) => action !== ParameterAction.MAPPED);
  if (lost.length === 0) return;
  throw new Fault('PARAMETER_UNSUPPORTED', `${provider} cannot take ${lost.map(({ name }) => name).join(', ')}`, {
    blame: 'caller',
    violations: lost.map(({ name, detail }) => ({ field: name, description: detail || 'has no place there' })),
    metadata: { provider },
  });
}
