/** Empty messages of the contract, as literals with every field in one order: one hidden class each. */
import type { ChatCompletionRequest } from '../../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { Citation, ReasoningPart, TextPart } from '../../../../gen/es/llmbridge/v1/content_pb.ts';

export const noBytes = new Uint8Array(0);

export const emptyRequest = (): ChatCompletionRequest => ({
  $typeName: 'llmbridge.v1.ChatCompletionRequest',
  model: '',
  provider: '',
  messages: [],
  temperature: undefined,
  topP: undefined,
  topK: undefined,
  maxTokens: undefined,
  maxCompletionTokens: undefined,
  stop: [],
  n: undefined,
  seed: undefined,
  presencePenalty: undefined,
  frequencyPenalty: undefined,
  logitBias: {},
  logprobs: undefined,
  topLogprobs: undefined,
  tools: [],
  toolChoice: undefined,
  parallelToolCalls: undefined,
  responseFormat: undefined,
  reasoningEffort: undefined,
  reasoning: undefined,
  modalities: [],
  audio: undefined,
  prediction: '',
  serviceTier: undefined,
  verbosity: undefined,
  user: undefined,
  safetyIdentifier: undefined,
  promptCacheKey: undefined,
  store: undefined,
  metadata: {},
  streamOptions: undefined,
  strict: false,
  routing: undefined,
  extra: {},
  sealed: undefined,
});

export const textPart = (text: string): TextPart => ({
  $typeName: 'llmbridge.v1.TextPart',
  text,
  citations: [],
  signature: noBytes,
});

export const emptyReasoning = (): ReasoningPart => ({
  $typeName: 'llmbridge.v1.ReasoningPart',
  text: '',
  signature: '',
  redacted: '',
  id: '',
  summary: false,
});

export const emptyCitation = (): Citation => ({
  $typeName: 'llmbridge.v1.Citation',
  url: '',
  title: '',
  citedText: '',
  startIndex: undefined,
  endIndex: undefined,
  native: '',
});
