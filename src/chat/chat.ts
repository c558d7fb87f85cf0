import type {
  ChatCompletionRequest,
  ChatCompletionResponse,
  StreamChatCompletionResponse,
} from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { ChatService } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { Balancer } from '../balancer/balancer.ts';
import type { Lane } from '../balancer/lane.ts';
import type { Call } from '../kernel/call.ts';
import { type Method, type Rpc, rpc } from '../kernel/method.ts';
import type { CostOf } from '../kernel/provider.ts';
import { failedUsage, sumUsage } from './account.ts';
import { Heading } from './heading.ts';
import { narrow } from './narrow.ts';
import { Output } from './output.ts';
import { openReport } from './report.ts';
import { type Catalog, isRoute, resolve } from './resolve.ts';
import { Run } from './run.ts';
import { StreamCourse } from './stream.ts';
import { traitsOf } from './traits.ts';
import { validate } from './validate.ts';
import { WholeCourse } from './whole.ts';

/** What the recipe needs. `catalog` is asked anew for each call, so that it may be swapped. */
export interface ChatParts {
  readonly catalog: () => Catalog;
  readonly balancer: Balancer;
  /** Undefined where nobody asks for costs. */
  readonly costOf?: CostOf;
}

/** ChatService: plan targets, attempt them in order, account for what came. */
export function createChat({ catalog, balancer, costOf = () => undefined }: ChatParts): readonly Rpc[] {
  const { clock } = balancer;

  /** The targets that may serve a call. */
  function plan(call: Call, request: ChatCompletionRequest): Lane {
    call.requestedModel = request.model;
    const { name, destination } = resolve(catalog(), call, request);
    call.requestedModel = name;
    validate(request);
    return isRoute(destination)
      ? narrow(balancer, balancer.ofRoute(destination), request)
      : balancer.ofTarget(destination);
  }

  const complete: Method<ChatCompletionRequest, ChatCompletionResponse> = async (call, request, reply) => {
    const lane = plan(call, request);
    const report = openReport(call);
    const course = new WholeCourse(call, request, clock, costOf);
    const run = new Run(balancer, lane, call, traitsOf(request, false, lane.looksInside), course);
    try {
      const response = await run.serve();
      call.usage = response.usage;
      call.firstTokenAt = clock.now();
      response.report = report;
      reply.message(response);
    } catch (thrown) {
      call.usage = failedUsage(report);
      throw thrown;
    }
  };

  const stream: Method<ChatCompletionRequest, StreamChatCompletionResponse> = async (call, request, reply) => {
    call.streaming = true;
    const lane = plan(call, request);
    const report = openReport(call);
    const output = new Output(call, new Heading(call, clock), reply, lane.settings.recovery);
    const course = new StreamCourse({ call, clock, request, lane, output, costOf });
    try {
      await new Run(balancer, lane, call, traitsOf(request, true, lane.looksInside), course).serve();
    } catch (thrown) {
      call.usage = failedUsage(report);
      if (output.cut === undefined || call.cancellation.fault !== undefined) throw thrown;
      balancer.events.recovered(lane.name, course.mode || lane.settings.recovery, false);
      // Why the mending failed would hide why there was something to mend.
      throw output.cut;
    }
    if (output.cut !== undefined) {
      report.recovered = course.mode;
      balancer.events.recovered(lane.name, course.mode, true);
      if (course.mode === 'continue') call.usage = { ...sumUsage(report), partial: false };
    }
    report.firstTokenMs = Math.round((call.firstTokenAt ?? clock.now()) - call.startedAt);
    const last = output.finish(report);
    last.usage = call.usage;
    reply.message(last);
  };

  return [rpc(ChatService.method.chatCompletion, complete), rpc(ChatService.method.streamChatCompletion, stream)];
}
