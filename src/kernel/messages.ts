/** The contract's messages under short names, and literals of them with every field in one order (one hidden class). */
import {
  type ChatCompletionRequest,
  type ChatCompletionResponse,
  type Choice,
  type ChunkChoice,
  type Delta,
  FinishReason,
  type StreamChatCompletionResponse,
} from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { type ContentPart, type Message, Role } from '../../gen/es/llmbridge/v1/content_pb.ts';
import { type ToolCall, type ToolCallDelta, ToolCallType } from '../../gen/es/llmbridge/v1/tool_pb.ts';
import type { CompletionTokensDetails, PromptTokensDetails, Usage } from '../../gen/es/llmbridge/v1/usage_pb.ts';

/** What a message was read from. */
interface Sourced {
  /**
   * The provider's own text, where the caller speaks the provider's dialect and gets it as it came. It says what the
   * message says: whoever changes the message takes it away.
   */
  source?: string | undefined;
}

export type ChatRequest = ChatCompletionRequest;
export type ChatResponse = ChatCompletionResponse & Sourced;
export type ChatChunk = StreamChatCompletionResponse & Sourced;
export type { Choice, ChunkChoice, Delta };

export const newResponse = (): ChatResponse => ({
  $typeName: 'llmbridge.v1.ChatCompletionResponse',
  id: '',
  choices: [],
  model: '',
  created: 0,
  usage: undefined,
  systemFingerprint: '',
  serviceTier: '',
  extra: {},
  report: undefined,
  sealed: undefined,
  source: undefined,
});

export const newMessage = (role: Role): Message => ({
  $typeName: 'llmbridge.v1.Message',
  role,
  content: '',
  parts: [],
  toolCalls: [],
  toolCallId: '',
  name: '',
  reasoningContent: '',
  refusal: '',
  isError: undefined,
  cacheControl: undefined,
  extra: {},
});

/** One answer, of the assistant's. */
export const newChoice = (index: number, message: Message = newMessage(Role.ASSISTANT)): Choice => ({
  $typeName: 'llmbridge.v1.Choice',
  index,
  message,
  finishReason: FinishReason.UNSPECIFIED,
  nativeFinishReason: '',
  logprobs: undefined,
  extra: {},
});

export const newChunk = (): ChatChunk => ({
  $typeName: 'llmbridge.v1.StreamChatCompletionResponse',
  id: '',
  choices: [],
  model: '',
  created: 0,
  usage: undefined,
  systemFingerprint: '',
  serviceTier: '',
  extra: {},
  report: undefined,
  sealed: undefined,
  source: undefined,
});

export const newDelta = (): Delta => ({
  $typeName: 'llmbridge.v1.Delta',
  role: Role.UNSPECIFIED,
  content: '',
  toolCalls: [],
  reasoningContent: '',
  refusal: '',
  parts: [],
});

export const newChunkChoice = (index: number, delta: Delta = newDelta()): ChunkChoice => ({
  $typeName: 'llmbridge.v1.ChunkChoice',
  index,
  delta,
  finishReason: FinishReason.UNSPECIFIED,
  nativeFinishReason: '',
  logprobs: undefined,
  extra: {},
});

export const newToolCall = (id: string, name: string, args: string): ToolCall => ({
  $typeName: 'llmbridge.v1.ToolCall',
  id,
  type: ToolCallType.FUNCTION,
  name,
  arguments: args,
  extra: {},
});

export const newToolCallDelta = (index: number): ToolCallDelta => ({
  $typeName: 'llmbridge.v1.ToolCallDelta',
  index,
  id: '',
  type: ToolCallType.UNSPECIFIED,
  name: '',
  arguments: '',
  extra: {},
});

export const newUsage = (promptTokens: number, completionTokens: number): Usage => ({
  $typeName: 'llmbridge.v1.Usage',
  promptTokens,
  completionTokens,
  totalTokens: promptTokens + completionTokens,
  promptTokensDetails: undefined,
  completionTokensDetails: undefined,
  partial: false,
  estimated: false,
  extra: {},
});

export const newPromptTokensDetails = (): PromptTokensDetails => ({
  $typeName: 'llmbridge.v1.PromptTokensDetails',
  cachedTokens: undefined,
  cacheWriteTokens: undefined,
  audioTokens: undefined,
  imageTokens: undefined,
  textTokens: undefined,
});

export const newCompletionTokensDetails = (): CompletionTokensDetails => ({
  $typeName: 'llmbridge.v1.CompletionTokensDetails',
  reasoningTokens: undefined,
  audioTokens: undefined,
  imageTokens: undefined,
  textTokens: undefined,
  acceptedPredictionTokens: undefined,
  rejectedPredictionTokens: undefined,
});

export const newPart = (part: ContentPart['part']): ContentPart => ({
  $typeName: 'llmbridge.v1.ContentPart',
  part,
  cacheControl: undefined,
  extra: {},
});
