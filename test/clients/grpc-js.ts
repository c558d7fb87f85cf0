import { promisify } from 'node:util';
import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import {
  ChatCompletionRequest,
  type ChatCompletionResponse,
  ChatServiceClient,
  FinishReason,
  type StreamChatCompletionResponse,
} from '../../gen/ts-proto/llmbridge/v1/chat_service.ts';
import { Role } from '../../gen/ts-proto/llmbridge/v1/content.ts';
import type { Usage } from '../../gen/ts-proto/llmbridge/v1/usage.ts';
import { type Answer, type Caller, Gathered, type Question } from './caller.ts';
import { failureOf } from './grpc-status.ts';

const finishWords = new Map<number, string>([
  [FinishReason.FINISH_REASON_STOP, 'stop'],
  [FinishReason.FINISH_REASON_LENGTH, 'length'],
  [FinishReason.FINISH_REASON_TOOL_CALLS, 'tool_calls'],
  [FinishReason.FINISH_REASON_CONTENT_FILTER, 'content_filter'],
]);

const counts = (usage: Usage | undefined) =>
  usage && { prompt: usage.promptTokens, completion: usage.completionTokens };

const requestOf = (question: Question) =>
  ChatCompletionRequest.fromPartial({
    model: question.model,
    maxTokens: question.maxTokens,
    messages: [{ role: Role.ROLE_USER, content: question.content }],
  });

function metadataOf({ headers = {} }: Question): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return metadata;
}

async function whole(client: ChatServiceClient, question: Question): Promise<Answer> {
  const call = promisify<ChatCompletionRequest, Metadata, ChatCompletionResponse>(client.chatCompletion.bind(client));
  const answer = new Gathered();
  try {
    const reply = await call(requestOf(question), metadataOf(question));
    const [choice] = reply.choices;
    answer.add(choice?.message?.content, finishWords.get(choice?.finishReason ?? 0));
    answer.count(counts(reply.usage));
    return answer;
  } catch (error) {
    return { ...answer, failure: failureOf(error as ServiceError) };
  }
}

async function streamed(client: ChatServiceClient, question: Question, cancel: boolean): Promise<Answer> {
  const answer = new Gathered();
  const stream = client.streamChatCompletion(requestOf(question), metadataOf(question));
  try {
    for await (const chunk of stream as AsyncIterable<StreamChatCompletionResponse>) {
      for (const choice of chunk.choices) answer.add(choice.delta?.content, finishWords.get(choice.finishReason));
      answer.count(counts(chunk.usage));
      if (cancel && answer.pieces === 3) stream.cancel();
    }
    return answer;
  } catch (error) {
    return { ...answer, failure: failureOf(error as ServiceError) };
  }
}

/** @grpc/grpc-js with the published TypeScript client. */
export const grpcJs: Caller = {
  name: '@grpc/grpc-js with generated client',
  needs: [],
  async connect(port) {
    const client = new ChatServiceClient(`127.0.0.1:${port}`, credentials.createInsecure());
    return {
      ask: (mode, question) =>
        mode === 'chat' ? whole(client, question) : streamed(client, question, mode === 'cancel'),
      close: () => client.close(),
    };
  },
};
