import type { ChatRequest } from '../../../kernel/messages.ts';
import type { Notes } from '../../shared/notes.ts';
import type { Body } from '../provider.ts';

/** Whether the caller said that the model should (not) think; undefined where that was left open. */
function wanted(request: ChatRequest): boolean | undefined {
  const { reasoning, reasoningEffort } = request;
  if (reasoning?.enabled !== undefined) return reasoning.enabled;
  if (reasoning?.maxTokens !== undefined) return reasoning.maxTokens > 0;
  return reasoningEffort === undefined ? undefined : reasoningEffort !== 'none';
}

const asked = (request: ChatRequest): string => (request.reasoning === undefined ? 'reasoning_effort' : 'reasoning');

function dropFiner(request: ChatRequest, notes: Notes): void {
  if (request.reasoning?.exclude) notes.dropped('reasoning.exclude');
  if (request.reasoning?.summary !== undefined) notes.dropped('reasoning.summary');
}

/** `thinking: {"type": "enabled" | "disabled"}` (DeepSeek, Moonshot, Z.ai, Volcengine). */
export const thinkingType =
  (options: { readonly effort: boolean }) =>
  (request: ChatRequest, body: Body, notes: Notes): void => {
    const enabled = wanted(request);
    if (enabled !== undefined && body['thinking'] === undefined) {
      body['thinking'] = { type: enabled ? 'enabled' : 'disabled' };
      notes.mapped(asked(request), `thinking ${enabled ? 'enabled' : 'disabled'}`);
    }
    const effort = body['reasoning_effort'] !== undefined;
    if (effort && (!options.effort || request.reasoningEffort === 'none')) body['reasoning_effort'] = undefined;
    if (request.reasoning?.maxTokens) notes.dropped('reasoning.max_tokens', 'no budget can be given');
    dropFiner(request, notes);
  };

/** `enable_thinking` and `thinking_budget` (Alibaba's Qwen, SiliconFlow). */
export function enableThinking(request: ChatRequest, body: Body, notes: Notes): void {
  const enabled = wanted(request);
  if (enabled !== undefined) {
    body['enable_thinking'] ??= enabled;
    notes.mapped(asked(request), `enable_thinking ${enabled}`);
  }
  if (request.reasoning?.maxTokens) body['thinking_budget'] ??= request.reasoning.maxTokens;
  body['reasoning_effort'] = undefined;
  dropFiner(request, notes);
}

/** OpenRouter's `reasoning` object, which has a place for all of it. */
export function reasoningObject(request: ChatRequest, body: Body, notes: Notes): void {
  const { reasoning, reasoningEffort } = request;
  if (reasoning === undefined && reasoningEffort === undefined) return;
  // An effort and a budget exclude each other there.
  const effort = reasoning?.maxTokens === undefined ? reasoningEffort : undefined;
  if (effort === undefined && reasoningEffort !== undefined) {
    notes.dropped('reasoning_effort', 'reasoning.max_tokens says it already');
  }
  const off = reasoning?.maxTokens === 0;
  body['reasoning'] = {
    effort,
    max_tokens: off ? undefined : reasoning?.maxTokens,
    enabled: off ? false : reasoning?.enabled,
    exclude: reasoning?.exclude,
    summary: reasoning?.summary,
  };
  body['reasoning_effort'] = undefined;
}
