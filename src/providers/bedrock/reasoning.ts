import type { ChatRequest } from '../../kernel/messages.ts';
import { modelOf } from '../anthropic/model.ts';
import { samplingOf } from '../anthropic/sampling.ts';
import { thinkingOf, thinks } from '../anthropic/thinking.ts';
import type { Notes } from '../shared/notes.ts';
import type { JsonMembers } from '../shared/turns.ts';

/** What depends on whose model it is: Converse carries these in `additionalModelRequestFields`, each maker's own way. */
export interface ModelFields {
  readonly maxTokens: number | undefined;
  readonly temperature: number | undefined;
  readonly topP: number | undefined;
  readonly additional: JsonMembers;
}

/** Whose model it is, by its id: a region or "global" may stand before the maker, an ARN around both. */
const makerOf = (model: string): string =>
  /(?:^|[./])(anthropic|amazon|openai|mistral|cohere|meta|deepseek|qwen|ai21|writer|moonshotai?|minimax|zai)\./.exec(
    model,
  )?.[1] ?? '';

/** The request's sampling and reasoning as the model takes them. */
export function modelFields(request: ChatRequest, model: string, notes: Notes): ModelFields {
  switch (makerOf(model)) {
    case 'anthropic':
      return claudeFields(request, model, notes);
    case 'amazon':
      return {
        ...plain(request),
        additional: {
          inferenceConfig: request.topK === undefined ? undefined : { topK: request.topK },
          reasoningConfig: novaReasoning(request, model, notes),
        },
      };
    case 'openai':
      dropTopK(request, notes);
      dropOptions(request, notes);
      return { ...plain(request), additional: { reasoning_effort: request.reasoningEffort } };
    case 'cohere':
      dropReasoning(request, notes);
      return { ...plain(request), additional: { k: request.topK } };
    case 'mistral':
      dropReasoning(request, notes);
      return { ...plain(request), additional: { top_k: request.topK } };
    default:
      dropTopK(request, notes);
      dropReasoning(request, notes);
      return { ...plain(request), additional: {} };
  }
}

const plain = (request: ChatRequest) => ({
  maxTokens: request.maxCompletionTokens ?? request.maxTokens,
  temperature: request.temperature,
  topP: request.topP,
});

/** Claude's own parameters (Amazon Bedrock User Guide, "Anthropic Claude Messages API"). */
function claudeFields(request: ChatRequest, name: string, notes: Notes): ModelFields {
  const model = modelOf(name);
  const thinking = thinkingOf(request, model, model.maxTokens, notes);
  const { temperature, topP, topK } = samplingOf(request, model, thinks(thinking), notes);
  const limit = request.maxCompletionTokens ?? request.maxTokens;
  const single = request.parallelToolCalls === false && request.tools.length > 0;
  if (single) notes.mapped('parallel_tool_calls', 'tool_choice.disable_parallel_tool_use');
  return {
    // A thinking budget has to fit into the limit, so one has to be told with it.
    maxTokens: thinking.thinking?.type === 'enabled' ? thinking.maxTokens : limit,
    temperature,
    topP,
    additional: {
      top_k: topK,
      thinking: thinking.thinking,
      output_config: thinking.effort === undefined ? undefined : { effort: thinking.effort },
      tool_choice: single ? { type: 'auto', disable_parallel_tool_use: true } : undefined,
    },
  };
}

/** Nova 2 thinks by an effort (Amazon Nova 2 User Guide, "Extended thinking"); earlier ones do not think. */
function novaReasoning(request: ChatRequest, model: string, notes: Notes): JsonMembers | undefined {
  const { reasoningEffort: effort, reasoning } = request;
  if (!/nova-2/.test(model)) {
    dropReasoning(request, notes);
    return undefined;
  }
  if (effort === undefined && reasoning?.enabled === undefined && reasoning?.maxTokens === undefined) return undefined;
  dropOptions(request, notes);
  if (effort === 'none' || reasoning?.enabled === false || reasoning?.maxTokens === 0) return { type: 'disabled' };
  const level = effort === 'minimal' ? 'low' : effort === 'xhigh' || effort === 'max' ? 'high' : (effort ?? 'medium');
  if (level !== effort) notes.mapped(effort === undefined ? 'reasoning' : 'reasoning_effort', level);
  return { type: 'enabled', maxReasoningEffort: level };
}

function dropTopK(request: ChatRequest, notes: Notes): void {
  if (request.topK !== undefined) notes.dropped('top_k', 'this model takes none');
}

/** Finer options of reasoning, where there is but an effort. */
function dropOptions({ reasoning }: ChatRequest, notes: Notes): void {
  if (reasoning?.maxTokens !== undefined && reasoning.maxTokens > 0) notes.dropped('reasoning.max_tokens');
  if (reasoning?.exclude !== undefined) notes.dropped('reasoning.exclude');
  if (reasoning?.summary !== undefined) notes.dropped('reasoning.summary');
}

function dropReasoning(request: ChatRequest, notes: Notes): void {
  const { reasoningEffort: effort, reasoning } = request;
  if (effort !== undefined && effort !== 'none') notes.dropped('reasoning_effort', 'not known for this model');
  if (reasoning !== undefined && reasoning.enabled !== false) notes.dropped('reasoning', 'not known for this model');
}
