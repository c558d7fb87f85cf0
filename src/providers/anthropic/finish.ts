import { FinishReason } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';

/** Anthropic's `stop_reason` as one of ours. `pause_turn` ends a turn that is to be sent back as it is. */
const reasons: Readonly<Record<string, FinishReason>> = {
  end_turn: FinishReason.STOP,
  stop_sequence: FinishReason.STOP,
  pause_turn: FinishReason.STOP,
  max_tokens: FinishReason.LENGTH,
  model_context_window_exceeded: FinishReason.LENGTH,
  tool_use: FinishReason.TOOL_CALLS,
  refusal: FinishReason.CONTENT_FILTER,
};

export const finishReason = (native: string): FinishReason =>
  native === '' ? FinishReason.UNSPECIFIED : (reasons[native] ?? FinishReason.STOP);
