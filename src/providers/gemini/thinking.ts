import type { ChatRequest } from '../../kernel/messages.ts';
import type { Notes } from '../shared/notes.ts';
import type { JsonMembers } from '../shared/turns.ts';
import type { Model } from './model.ts';

/** Least budget of a model that cannot be told not to think. */
const leastBudget = 128;

/** Budgets of the efforts, as Google's own OpenAI-compatible endpoint has them. */
const budgets: Readonly<Record<string, number>> = {
  minimal: 1024,
  low: 1024,
  medium: 8192,
  high: 24_576,
  xhigh: 24_576,
  max: 24_576,
};

/** Levels in the order of their depth, for the nearest where a model lacks one. */
const depths = ['MINIMAL', 'LOW', 'MEDIUM', 'HIGH'];

/** `generationConfig.thinkingConfig`; undefined leaves it to the model. */
export function thinkingConfigOf(request: ChatRequest, model: Model, notes: Notes): JsonMembers | undefined {
  const effort = request.reasoningEffort;
  const { maxTokens: budget, enabled, exclude, summary } = request.reasoning ?? {};
  if (summary !== undefined) notes.mapped('reasoning.summary', 'thoughts are summarized as the model sees fit');
  if (effort === 'none' || enabled === false || budget === 0) return stopped(model, notes);

  const asked = effort !== undefined || enabled === true || budget !== undefined;
  if (!asked && exclude === undefined) return undefined;
  if (model.thinking === 'none') {
    notes.dropped(effort === undefined ? 'reasoning' : 'reasoning_effort', 'this model does not think');
    return undefined;
  }
  const includeThoughts = exclude !== true;
  if (budget !== undefined) {
    if (effort !== undefined) notes.mapped('reasoning_effort', 'the budget in reasoning.max_tokens');
    return { thinkingBudget: budget, includeThoughts };
  }
  if (effort === undefined) return { includeThoughts };
  if (model.thinking === 'level') return { thinkingLevel: levelOf(effort, model, notes), includeThoughts };
  const wanted = budgets[effort] ?? 8192;
  notes.mapped('reasoning_effort', `a thinking budget of ${wanted} tokens`);
  return { thinkingBudget: wanted, includeThoughts };
}

function stopped(model: Model, notes: Notes): JsonMembers | undefined {
  if (model.thinking === 'none') return undefined;
  if (model.canStop) return { thinkingBudget: 0 };
  const least = model.thinking === 'budget' ? { thinkingBudget: leastBudget } : { thinkingLevel: model.levels[0] };
  notes.mapped('reasoning', 'this model cannot be told not to think: the least that it takes');
  return least;
}

function levelOf(effort: string, model: Model, notes: Notes): string {
  const level = effort === 'xhigh' || effort === 'max' ? 'HIGH' : effort.toUpperCase();
  // A word of the provider's own that is newer than this list goes as it is.
  const depth = depths.indexOf(level);
  const nearest =
    depth < 0 || model.levels.includes(level)
      ? level
      : (model.levels.find((known) => depths.indexOf(known) > depth) ?? 'HIGH');
  if (nearest !== effort.toUpperCase()) notes.mapped('reasoning_effort', nearest);
  return nearest;
}
