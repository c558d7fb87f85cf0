import { FinishReason } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';

/** Cohere's `finish_reason` as one of ours. */
const reasons: Readonly<Record<string, FinishReason>> = {
  COMPLETE: FinishReason.STOP,
  STOP_SEQUENCE: FinishReason.STOP,
  MAX_TOKENS: FinishReason.LENGTH,
  ERROR_LIMIT: FinishReason.LENGTH,
  TOOL_CALL: FinishReason.TOOL_CALLS,
  ERROR_TOXIC: FinishReason.CONTENT_FILTER,
};

export const finishReason = (native: string): FinishReason =>
  native === '' ? FinishReason.UNSPECIFIED : (reasons[native] ?? FinishReason.STOP);

/** Ends that are failures of the provider's. */
export const failed = (native: string): boolean => native === 'ERROR' || native === 'TIMEOUT';
