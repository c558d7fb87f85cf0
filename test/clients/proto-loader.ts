import { join } from 'node:path';
import {
  type ClientReadableStream,
  type ClientUnaryCall,
  credentials,
  type GrpcObject,
  loadPackageDefinition,
  type ServiceClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { root } from '../support/parts.ts';
import { type Answer, type Caller, Gathered, type Question } from './caller.ts';
import { failureOf } from './grpc-status.ts';

interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
}

interface Reply {
  choices: { message: { content: string }; finish_reason: string }[];
  usage: Usage;
}

interface Chunk {
  choices: { delta: { content: string }; finish_reason: string }[];
  usage: Usage | null;
}

/** What the dynamic client looks like, as far as it is used here. */
interface DynamicClient {
  ChatCompletion(request: object, callback: (error: ServiceError | null, reply: Reply) => void): ClientUnaryCall;
  StreamChatCompletion(request: object): ClientReadableStream<Chunk>;
  close(): void;
}

function dynamicClient(address: string): DynamicClient {
  const definition = loadSync('llmbridge/v1/chat_service.proto', {
    includeDirs: [join(root, 'proto'), join(root, 'node_modules/google-proto-files')],
    keepCase: true,
    enums: String,
    defaults: true,
    longs: String,
  });
  const services = (loadPackageDefinition(definition)['llmbridge'] as GrpcObject)['v1'] as GrpcObject;
  const Client = services['ChatService'] as ServiceClientConstructor;
  return new Client(address, credentials.createInsecure()) as unknown as DynamicClient;
}

const requestOf = (question: Question) => ({
  model: question.model,
  max_tokens: question.maxTokens,
  messages: [{ role: 'ROLE_USER', content: question.content }],
});

const finishWord = (name: string | undefined) =>
  name === undefined || name.endsWith('UNSPECIFIED') ? '' : name.replace('FINISH_REASON_', '').toLowerCase();

const counts = (usage: Usage | null) =>
  usage ? { prompt: usage.prompt_tokens, completion: usage.completion_tokens } : undefined;

function whole(client: DynamicClient, question: Question): Promise<Answer> {
  const answer = new Gathered();
  return new Promise((resolve) => {
    client.ChatCompletion(requestOf(question), (error, reply) => {
      if (error) {
        resolve({ ...answer, failure: failureOf(error) });
        return;
      }
      answer.add(reply.choices[0]?.message.content, finishWord(reply.choices[0]?.finish_reason));
      answer.count(counts(reply.usage));
      resolve(answer);
    });
  });
}

function streamed(client: DynamicClient, question: Question, cancel: boolean): Promise<Answer> {
  const answer = new Gathered();
  const stream = client.StreamChatCompletion(requestOf(question));
  return new Promise((resolve) => {
    stream.on('data', (chunk: Chunk) => {
      for (const choice of chunk.choices) answer.add(choice.delta.content, finishWord(choice.finish_reason));
      answer.count(counts(chunk.usage));
      if (cancel && answer.pieces === 3) stream.cancel();
    });
    stream.on('end', () => resolve(answer));
    stream.on('error', (error) => resolve({ ...answer, failure: failureOf(error as ServiceError) }));
  });
}

/** @grpc/grpc-js with a client that @grpc/proto-loader makes of the proto files at run time. */
export const protoLoader: Caller = {
  name: '@grpc/proto-loader',
  needs: [],
  async connect(port) {
    const client = dynamicClient(`127.0.0.1:${port}`);
    return {
      ask: (mode, question) =>
        mode === 'chat' ? whole(client, question) : streamed(client, question, mode === 'cancel'),
      close: () => client.close(),
    };
  },
};
