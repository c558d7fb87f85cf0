import { FinishReason } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';

/** Converse's `stopReason` as one of ours. */
const reasons: Readonly<Record<string, FinishReason>> = {
  end_turn: FinishReason.STOP,
  stop_sequence: FinishReason.STOP,
  max_tokens: FinishReason.LENGTH,
  model_context_window_exceeded: FinishReason.LENGTH,
  tool_use: FinishReason.TOOL_CALLS,
  guardrail_intervened: FinishReason.CONTENT_FILTER,
  content_filtered: FinishReason.CONTENT_FILTER,
};

export const finishReason = (native: string): FinishReason =>
  native === '' ? FinishReason.UNSPECIFIED : (reasons[native] ?? FinishReason.STOP);
