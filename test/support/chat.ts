import { create } from '@bufbuild/protobuf';
import {
  type ChatCompletionRequest,
  type ChatCompletionResponse,
  ChatCompletionResponseSchema,
  ChatService,
  type StreamChatCompletionResponse,
  StreamChatCompletionResponseSchema,
} from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { type Method, type Rpc, rpc } from '../../src/kernel/method.ts';

export type Unary = Method<ChatCompletionRequest, ChatCompletionResponse>;
export type Stream = Method<ChatCompletionRequest, StreamChatCompletionResponse>;

export const response = (id: string): ChatCompletionResponse => create(ChatCompletionResponseSchema, { id });
export const chunk = (id: string): StreamChatCompletionResponse => create(StreamChatCompletionResponseSchema, { id });

/** The chat service with methods of a test's own; what it does not give echoes the model. */
export const chat = ({ unary, stream }: { unary?: Unary; stream?: Stream }): Rpc[] => [
  rpc<ChatCompletionRequest, ChatCompletionResponse>(
    ChatService.method.chatCompletion,
    unary ??
      (async (_call, { model }, reply) => {
        reply.message(response(model));
      }),
  ),
  rpc<ChatCompletionRequest, StreamChatCompletionResponse>(
    ChatService.method.streamChatCompletion,
    stream ??
      (async (_call, { model }, reply) => {
        for (const id of model) reply.message(chunk(id));
      }),
  ),
];

export const unaryPath = '/llmbridge.v1.ChatService/ChatCompletion';
export const streamPath = '/llmbridge.v1.ChatService/StreamChatCompletion';
