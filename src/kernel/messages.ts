/** The contract's messages under short names, and literals of them with every field in one order (one hidden class). */
import type {
  ChatCompletionRequest,
  ChatCompletionResponse,
  Choice,
  ChunkChoice,
  Delta,
  StreamChatCompletionResponse,
} from '../../gen/es/llmbridge/v1/chat_service_pb.ts';

export type ChatRequest = ChatCompletionRequest;
export type ChatResponse = ChatCompletionResponse;
export type ChatChunk = StreamChatCompletionResponse;
export type { Choice, ChunkChoice, Delta };
