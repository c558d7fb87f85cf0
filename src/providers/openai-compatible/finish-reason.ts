import { FinishReason } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';

const words: Readonly<Record<string, FinishReason>> = {
  stop: FinishReason.STOP,
  length: FinishReason.LENGTH,
  tool_calls: FinishReason.TOOL_CALLS,
  function_call: FinishReason.TOOL_CALLS,
  content_filter: FinishReason.CONTENT_FILTER,
  // Words of servers that pass on what stands behind them.
  eos: FinishReason.STOP,
  eos_token: FinishReason.STOP,
  stop_sequence: FinishReason.STOP,
  end_turn: FinishReason.STOP,
  max_tokens: FinishReason.LENGTH,
  model_length: FinishReason.LENGTH,
  model_context_window_exceeded: FinishReason.LENGTH,
  tool_use: FinishReason.TOOL_CALLS,
  refusal: FinishReason.CONTENT_FILTER,
  sensitive: FinishReason.CONTENT_FILTER,
  safety: FinishReason.CONTENT_FILTER,
  recitation: FinishReason.CONTENT_FILTER,
};

/** Words that are no end but a failure. */
const failures: ReadonlySet<string> = new Set(['error', 'network_error', 'insufficient_system_resource', 'abort']);

/** Whether a finish reason says that the provider failed amid the answer. */
export const isFailure = (word: string): boolean => failures.has(word);

/** The unified finish reason; a word that nobody documents is taken as a natural end. */
export function finishReason(word: string, more: Readonly<Record<string, FinishReason>> | undefined): FinishReason {
  return more?.[word] ?? words[word] ?? words[word.toLowerCase()] ?? FinishReason.STOP;
}
