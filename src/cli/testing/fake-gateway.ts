import { Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { ErrorInfo } from '../../../gen/ts-proto/google/rpc/error_details.ts';
import { Status } from '../../../gen/ts-proto/google/rpc/status.ts';
import {
  type HealthServer,
  HealthService,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../../gen/ts-proto/health/v1/health.ts';
import {
  type ChatCompletionRequest,
  ChatCompletionResponse,
  type ChatServiceServer,
  ChatServiceService,
  StreamChatCompletionResponse,
} from '../../../gen/ts-proto/llmbridge/v1/chat_service.ts';
import {
  ListModelsResponse,
  type ModelServiceServer,
  ModelServiceService,
} from '../../../gen/ts-proto/llmbridge/v1/model_service.ts';

/** A gateway's gRPC face for tests of the command line alone. */
export interface FakeGateway {
  readonly address: string;
  /** Every chat request that came. */
  readonly requests: ChatCompletionRequest[];
  /** Resolves when a caller has cancelled a stream. */
  readonly cancelled: Promise<void>;
  close(): void;
}

const usage = { promptTokens: 3, completionTokens: 2, totalTokens: 5 };
const report = { provider: 'fake', model: 'm', simulated: true };

function failure() {
  const info = ErrorInfo.encode({ reason: 'RATE_LIMITED', domain: 'llmbridge', metadata: {} }).finish();
  const details = [{ typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo', value: Buffer.from(info) }];
  const metadata = new Metadata();
  const encoded = Status.encode({ code: status.RESOURCE_EXHAUSTED, message: 'too many calls', details }).finish();
  metadata.add('grpc-status-details-bin', Buffer.from(encoded));
  return { code: status.RESOURCE_EXHAUSTED, details: 'too many calls', metadata };
}

const piece = (content: string) =>
  StreamChatCompletionResponse.fromPartial({ id: '1', model: 'm', choices: [{ index: 0, delta: { content } }] });

/**
 * Serves models by what they do: `fail`, `cut` (after a piece), `hang` (after a piece), `not-serving` for health; any
 * other answers "hello there".
 */
export async function startFakeGateway(): Promise<FakeGateway> {
  const requests: ChatCompletionRequest[] = [];
  let onCancel = () => {};
  const cancelled = new Promise<void>((resolve) => {
    onCancel = resolve;
  });
  const server = new Server();
  const chat: ChatServiceServer = {
    chatCompletion({ request }, reply) {
      requests.push(request);
      if (request.model === 'fail') return reply(failure());
      const message = { content: 'hello there' };
      reply(null, ChatCompletionResponse.fromPartial({ id: '1', model: 'm', choices: [{ message }], usage, report }));
    },
    streamChatCompletion(call) {
      requests.push(call.request);
      call.on('cancelled', onCancel);
      call.write(piece('hello '));
      if (call.request.model === 'hang') return;
      if (call.request.model === 'cut') {
        call.emit('error', failure());
        return;
      }
      call.write(piece('there'));
      call.write(StreamChatCompletionResponse.fromPartial({ id: '1', model: 'm', usage, report }));
      call.end();
    },
  };
  const models: ModelServiceServer = {
    listModels: (_, reply) =>
      reply(null, ListModelsResponse.fromPartial({ models: [{ id: 'first' }, { id: 'second' }] })),
    getModel: (_, reply) => reply({ code: status.UNIMPLEMENTED }),
  };
  const health: HealthServer = {
    check: ({ request }, reply) =>
      reply(null, { status: request.service === 'not-serving' ? ServingStatus.NOT_SERVING : ServingStatus.SERVING }),
    list: (_, reply) => reply({ code: status.UNIMPLEMENTED }),
    watch: (call) => call.end(),
  };
  server.addService(ChatServiceService, chat);
  server.addService(ModelServiceService, models);
  server.addService(HealthService, health);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { address: `127.0.0.1:${port}`, requests, cancelled, close: () => server.forceShutdown() };
}
