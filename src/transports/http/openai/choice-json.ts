import {
  FinishReason,
  type Logprobs,
  type TokenLogprob,
  type TopLogprob,
} from '../../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { quote } from './json-writer.ts';

const words: Readonly<Record<number, string>> = {
  [FinishReason.STOP]: '"stop"',
  [FinishReason.LENGTH]: '"length"',
  [FinishReason.TOOL_CALLS]: '"tool_calls"',
  [FinishReason.CONTENT_FILTER]: '"content_filter"',
};

/** OpenAI's `finish_reason`; null where generation has not ended. */
export const finishJson = (reason: FinishReason, legacyFunctions: boolean): string =>
  legacyFunctions && reason === FinishReason.TOOL_CALLS ? '"function_call"' : (words[reason] ?? 'null');

/** OpenAI's `logprobs`: null where none were asked for. */
export function logprobsJson(logprobs: Logprobs | undefined): string {
  if (logprobs === undefined) return 'null';
  const { content, refusal } = logprobs;
  return `{"content":${content.length === 0 && refusal.length > 0 ? 'null' : tokens(content)},"refusal":${
    refusal.length === 0 ? 'null' : tokens(refusal)
  }}`;
}

const tokens = (positions: readonly TokenLogprob[]): string =>
  `[${positions.map((token) => `{${position(token)},"top_logprobs":[${token.topLogprobs.map((top) => `{${position(top)}}`).join(',')}]}`).join(',')}]`;

const position = ({ token, logprob, bytes }: TokenLogprob | TopLogprob): string =>
  `"token":${quote(token)},"logprob":${Number.isFinite(logprob) ? logprob : -9999},"bytes":${bytes === undefined ? 'null' : `[${bytes.join(',')}]`}`;
