import { FinishReason } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { Usage } from '../../gen/es/llmbridge/v1/usage_pb.ts';
import type { ChatResponse } from '../../src/kernel/messages.ts';
import type { Case } from './corpus.ts';

/** What is compared: an answer's meaning, spelled one way. */
export interface Meaning {
  readonly text: string;
  readonly reasoning: string;
  readonly refusal: string;
  readonly toolCalls: readonly { readonly id: string; readonly name: string; readonly arguments: unknown }[];
  readonly finish: string;
  readonly usage: UsageCounts | undefined;
}

interface UsageCounts {
  readonly prompt: number;
  readonly completion: number;
  readonly cached: number;
  readonly cacheWrite: number;
  readonly reasoning: number;
}

const finishNames: Readonly<Record<number, string>> = {
  [FinishReason.UNSPECIFIED]: '',
  [FinishReason.STOP]: 'stop',
  [FinishReason.LENGTH]: 'length',
  [FinishReason.TOOL_CALLS]: 'tool_calls',
  [FinishReason.CONTENT_FILTER]: 'content_filter',
};

/** The meaning of our answer: its first choice, as the oracles have it. */
export function meaningOf(response: ChatResponse): Meaning {
  const choice = response.choices[0];
  const message = choice?.message;
  return {
    text: message?.content ?? '',
    reasoning: message?.reasoningContent ?? '',
    refusal: message?.refusal ?? '',
    toolCalls: (message?.toolCalls ?? []).map((call) => ({
      id: call.id,
      name: call.name,
      arguments: parsed(call.arguments),
    })),
    finish: finishNames[choice?.finishReason ?? 0] ?? '',
    usage: response.usage && countsOf(response.usage),
  };
}

const countsOf = (usage: Usage): UsageCounts => ({
  prompt: usage.promptTokens,
  completion: usage.completionTokens,
  cached: usage.promptTokensDetails?.cachedTokens ?? 0,
  cacheWrite: usage.promptTokensDetails?.cacheWriteTokens ?? 0,
  reasoning: usage.completionTokensDetails?.reasoningTokens ?? 0,
});

function parsed(json: string): unknown {
  try {
    return JSON.parse(json || '{}');
  } catch {
    return json;
  }
}

/** Providers' finish words, and what the contract makes of them. */
const finishWords: Readonly<Record<string, string>> = {
  stop: 'stop',
  end_turn: 'stop',
  eos: 'stop',
  stop_sequence: 'stop',
  pause_turn: 'stop',
  complete: 'stop',
  finish_reason_stop: 'stop',
  length: 'length',
  max_tokens: 'length',
  // The words of Responses; of what cut an answer short, the oracles say no more.
  completed: 'stop',
  incomplete: 'length',
  model_context_window_exceeded: 'length',
  tool_calls: 'tool_calls',
  tool_use: 'tool_calls',
  tool_call: 'tool_calls',
  content_filter: 'content_filter',
  content_filtered: 'content_filter',
  guardrail_intervened: 'content_filter',
  refusal: 'content_filter',
  safety: 'content_filter',
  prohibited_content: 'content_filter',
  recitation: 'content_filter',
  // Gemini's reasons by their numbers.
  '1': 'stop',
  '2': 'length',
};

/** The meaning of an oracle, in the contract's terms (finish words, counts, refusals). */
export function expectedOf(recorded: Case): Meaning {
  const { oracle } = recorded;
  const toolCalls = (oracle.tool_calls ?? []).map((call) => ({
    id: call.id ?? '',
    name: call.name,
    arguments: typeof call.arguments === 'string' ? parsed(call.arguments) : (call.arguments ?? {}),
  }));
  const word = String(oracle.finish ?? '').toLowerCase();
  let finish = finishWords[word] ?? word;
  // Gemini, Ollama and Responses have no word for it.
  if (finish === 'stop' && toolCalls.length > 0 && recorded.api !== 'openai.chat') finish = 'tool_calls';
  return {
    text: oracle.text ?? '',
    reasoning: oracle.reasoning ?? '',
    refusal: oracle.refusal ?? '',
    toolCalls,
    finish,
    usage: usageOf(recorded),
  };
}

type Counts = Readonly<Record<string, unknown>>;

const number = (counts: Counts | undefined, key: string): number => {
  const value = counts?.[key];
  return typeof value === 'number' ? value : 0;
};

const inner = (counts: Counts | undefined, key: string): Counts | undefined => {
  const value = counts?.[key];
  return typeof value === 'object' && value !== null ? (value as Counts) : undefined;
};

/** A provider's counts in the contract's terms: all that was read, all that was written. */
function usageOf({ api, oracle: { usage } }: Case): UsageCounts | undefined {
  if (!usage) return undefined;
  if ('prompt_tokens' in usage) return openAiUsage(usage);
  if ('input_tokens' in usage) {
    return api === 'openai.responses' ? responsesUsage(usage) : anthropicUsage(usage);
  }
  if ('promptTokenCount' in usage || 'totalTokenCount' in usage) return geminiUsage(usage);
  if ('inputTokens' in usage) return bedrockUsage(usage);
  if ('tokens' in usage || 'billedUnits' in usage) return cohereUsage(usage);
  if ('eval_count' in usage || 'prompt_eval_count' in usage) {
    return counts(number(usage, 'prompt_eval_count'), number(usage, 'eval_count'));
  }
  return undefined;
}

const counts = (prompt: number, completion: number, cached = 0, cacheWrite = 0, reasoning = 0): UsageCounts => ({
  prompt,
  completion,
  cached,
  cacheWrite,
  reasoning,
});

function openAiUsage(usage: Counts): UsageCounts {
  const read = inner(usage, 'prompt_tokens_details');
  const written = inner(usage, 'completion_tokens_details');
  const prompt = number(usage, 'prompt_tokens');
  const reasoning = number(written, 'reasoning_tokens') || number(usage, 'reasoning_tokens');
  const completion = number(usage, 'completion_tokens');
  const outside = number(usage, 'total_tokens') === prompt + completion + reasoning;
  const cached =
    number(read, 'cached_tokens') || number(usage, 'prompt_cache_hit_tokens') || number(usage, 'cached_tokens');
  const cacheWrite = number(read, 'cache_write_tokens') || number(usage, 'cache_creation_input_tokens');
  return counts(prompt, outside ? completion + reasoning : completion, cached, cacheWrite, reasoning);
}

function responsesUsage(usage: Counts): UsageCounts {
  const read = inner(usage, 'input_tokens_details');
  return counts(
    number(usage, 'input_tokens'),
    number(usage, 'output_tokens'),
    number(read, 'cached_tokens'),
    number(read, 'cache_write_tokens'),
    number(inner(usage, 'output_tokens_details'), 'reasoning_tokens'),
  );
}

function anthropicUsage(usage: Counts): UsageCounts {
  const cached = number(usage, 'cache_read_input_tokens');
  const written = number(usage, 'cache_creation_input_tokens');
  const reasoning = number(inner(usage, 'output_tokens_details'), 'thinking_tokens');
  return counts(
    number(usage, 'input_tokens') + cached + written,
    number(usage, 'output_tokens'),
    cached,
    written,
    reasoning,
  );
}

function geminiUsage(usage: Counts): UsageCounts {
  const thoughts = number(usage, 'thoughtsTokenCount');
  return counts(
    number(usage, 'promptTokenCount') + number(usage, 'toolUsePromptTokenCount'),
    number(usage, 'candidatesTokenCount') + thoughts,
    number(usage, 'cachedContentTokenCount'),
    0,
    thoughts,
  );
}

function bedrockUsage(usage: Counts): UsageCounts {
  const cached = number(usage, 'cacheReadInputTokens');
  const written = number(usage, 'cacheWriteInputTokens');
  return counts(number(usage, 'inputTokens') + cached + written, number(usage, 'outputTokens'), cached, written);
}

function cohereUsage(usage: Counts): UsageCounts {
  const tokens = inner(usage, 'tokens') ?? inner(usage, 'billedUnits');
  return counts(
    number(tokens, 'inputTokens'),
    number(tokens, 'outputTokens'),
    number(usage, 'cachedTokens'),
    0,
    number(tokens, 'reasoning_tokens'),
  );
}
