import type { Meaning } from './oracle.ts';

interface JsonMessage {
  content?: string | null;
  reasoning_content?: string;
  refusal?: string | null;
  tool_calls?: {
    index?: number;
    id?: string;
    function?: { name?: string; arguments?: string };
    custom?: { name?: string; input?: string };
  }[];
}

/** A whole answer of the HTTP surface, or a chunk of a streamed one. */
export interface JsonAnswer {
  choices: { index: number; message?: JsonMessage; delta?: JsonMessage; finish_reason: string | null }[];
  usage?: {
    prompt_tokens: number;
    completion_tokens: number;
    prompt_tokens_details?: { cached_tokens?: number; cache_write_tokens?: number };
    completion_tokens_details?: { reasoning_tokens?: number };
  } | null;
}

/** What a client reads out of a whole answer, or out of a stream's chunks. */
export function meaningOfJson(answers: readonly JsonAnswer[]): Meaning {
  let [text, reasoning, refusal, finish] = ['', '', '', ''];
  const calls: { id: string; name: string; text: string }[] = [];
  let usage: JsonAnswer['usage'];
  for (const answer of answers) {
    usage = answer.usage ?? usage;
    const choice = answer.choices.find(({ index }) => index === 0);
    const message = choice?.message ?? choice?.delta;
    finish = choice?.finish_reason ?? finish;
    text += message?.content ?? '';
    reasoning += message?.reasoning_content ?? '';
    refusal += message?.refusal ?? '';
    message?.tool_calls?.forEach((call, i) => {
      const at = call.index ?? i;
      calls[at] ??= { id: '', name: '', text: '' };
      calls[at].id ||= call.id ?? '';
      calls[at].name ||= call.function?.name ?? call.custom?.name ?? '';
      calls[at].text += call.function?.arguments ?? call.custom?.input ?? '';
    });
  }
  return {
    text,
    reasoning,
    refusal,
    finish,
    toolCalls: calls.map(({ id, name, text: json }) => ({ id, name, arguments: parsed(json) })),
    usage: usage
      ? {
          prompt: usage.prompt_tokens,
          completion: usage.completion_tokens,
          cached: usage.prompt_tokens_details?.cached_tokens ?? 0,
          cacheWrite: usage.prompt_tokens_details?.cache_write_tokens ?? 0,
          reasoning: usage.completion_tokens_details?.reasoning_tokens ?? 0,
        }
      : undefined,
  };
}

/** Arguments as JSON, or as text where they are none. */
export function parsed(json: string): unknown {
  try {
    return JSON.parse(json || '{}');
  } catch {
    return json;
  }
}
