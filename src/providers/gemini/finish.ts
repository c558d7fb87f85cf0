import { FinishReason } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';

/** The reasons in the order of their numbers, for answers that were asked for with numbers for names. */
const numbered = ['', 'STOP', 'MAX_TOKENS', 'SAFETY', 'RECITATION', 'OTHER', 'BLOCKLIST', 'PROHIBITED_CONTENT', 'SPII'];

/** Reasons that are neither an end of the model's own nor the limit: the provider withheld content. */
const withheld =
  /^(SAFETY|RECITATION|BLOCKLIST|PROHIBITED_CONTENT|SPII|MODEL_ARMOR|JAILBREAK|IMAGE_(SAFETY|PROHIBITED_CONTENT|RECITATION))$/;

/** A candidate's `finishReason` by its name; '' for none. */
export function nativeReason(value: unknown): string {
  if (typeof value === 'number') return numbered[value] ?? String(value);
  return typeof value === 'string' && value !== 'FINISH_REASON_UNSPECIFIED' ? value : '';
}

/** Gemini has no word for calls: an answer with some has ended for them. */
export function finishReason(native: string, calls: boolean): FinishReason {
  if (native === '') return FinishReason.UNSPECIFIED;
  if (native === 'MAX_TOKENS') return FinishReason.LENGTH;
  if (withheld.test(native)) return FinishReason.CONTENT_FILTER;
  return calls ? FinishReason.TOOL_CALLS : FinishReason.STOP;
}
