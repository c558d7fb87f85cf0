import type { ChatRequest } from '../../kernel/messages.ts';
import type { Notes } from '../shared/notes.ts';
import type { Model } from './model.ts';

export interface Thinking {
  /** The body's `thinking`; undefined leaves it to the model. */
  readonly thinking: { type: string; budget_tokens?: number; display?: string } | undefined;
  /** `output_config.effort`. */
  readonly effort: string | undefined;
  readonly maxTokens: number;
}

/** Least budget that the API takes. */
const leastBudget = 1024;

/** Budgets of the efforts, for models that only know budgets. */
const budgets: Readonly<Record<string, number>> = {
  minimal: 1024,
  low: 2048,
  medium: 8192,
  high: 16_384,
  xhigh: 32_000,
  max: 32_000,
};

/** Nearest effort of another name, for models that lack one. */
const nearest: Readonly<Record<string, string>> = { minimal: 'low', xhigh: 'high' };

/**
 * How the model is to think: adaptive with an effort (Claude 4.6 and later), or within a budget (up to 4.6).
 * The budget counts towards `max_tokens`: where the caller sets no limit, it comes on top of the default.
 */
export function thinkingOf(request: ChatRequest, model: Model, defaultMax: number, notes: Notes): Thinking {
  const effort = request.reasoningEffort;
  const { maxTokens: budget, enabled, exclude, summary } = request.reasoning ?? {};
  const limit = request.maxCompletionTokens ?? request.maxTokens;
  const maxTokens = limit ?? defaultMax;
  if (summary !== undefined) notes.mapped('reasoning.summary', 'the model summarizes its thinking as it sees fit');

  if (enabled === false || effort === 'none' || budget === 0) {
    if (model.budget) return { thinking: { type: 'disabled' }, effort: undefined, maxTokens };
    if (model.adaptive) notes.mapped('reasoning', 'this model cannot be told not to think: left to the model');
    return { thinking: undefined, effort: undefined, maxTokens };
  }
  if (enabled !== true && effort === undefined && budget === undefined) {
    if (exclude !== undefined) notes.dropped('reasoning.exclude', 'only with thinking asked for');
    return { thinking: undefined, effort: undefined, maxTokens };
  }
  if (!model.adaptive && !model.budget) {
    notes.dropped(effort === undefined ? 'reasoning' : 'reasoning_effort', 'this model does not think');
    return { thinking: undefined, effort: undefined, maxTokens };
  }

  const display = { display: exclude === true ? 'omitted' : 'summarized' };
  if (model.adaptive && (budget === undefined || !model.budget)) {
    if (budget !== undefined) notes.mapped('reasoning.max_tokens', 'this model takes no budget: thinking is adaptive');
    return { thinking: { type: 'adaptive', ...display }, effort: effortOf(effort, model, notes), maxTokens };
  }
  const wanted = budget ?? budgets[effort ?? 'medium'] ?? 8192;
  if (budget === undefined && effort !== undefined) {
    notes.mapped('reasoning_effort', `a thinking budget of ${wanted} tokens`);
  }
  const room = limit === undefined ? wanted + defaultMax : limit;
  const given = Math.max(leastBudget, Math.min(wanted, room - 1));
  if (budget !== undefined && given !== budget) notes.mapped('reasoning.max_tokens', `${given} tokens`);
  if (given >= room) {
    notes.dropped('reasoning', 'max_tokens leaves no room for thinking');
    return { thinking: undefined, effort: undefined, maxTokens };
  }
  // Before 4.6 thinking is told as it is, and there is nothing to leave it out by.
  if (exclude === true && !model.adaptive) notes.dropped('reasoning.exclude', 'this model always tells its thinking');
  const shown = model.adaptive ? display : undefined;
  return { thinking: { type: 'enabled', budget_tokens: given, ...shown }, effort: undefined, maxTokens: room };
}

function effortOf(effort: string | undefined, model: Model, notes: Notes): string | undefined {
  if (effort === undefined || model.efforts.includes(effort)) return effort;
  const mapped = nearest[effort];
  // A word of the provider's own that is newer than this list.
  if (mapped === undefined) return effort;
  notes.mapped('reasoning_effort', mapped);
  return mapped;
}

/** Whether the request asks the model to think. */
export const thinks = ({ thinking }: Thinking): boolean => thinking !== undefined && thinking.type !== 'disabled';
