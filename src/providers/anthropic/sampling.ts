import type { ChatRequest } from '../../kernel/messages.ts';
import type { Notes } from '../shared/notes.ts';
import type { Model } from './model.ts';

interface Sampling {
  readonly temperature: number | undefined;
  readonly topP: number | undefined;
  readonly topK: number | undefined;
}

/** The sampling parameters that the model takes as things are. */
export function samplingOf(request: ChatRequest, model: Model, thinks: boolean, notes: Notes): Sampling {
  let { temperature, topP, topK } = request;
  const drop = (name: string, why: string): undefined => {
    notes.dropped(name, why);
    return undefined;
  };
  const why = !model.sampling ? 'this model takes none' : thinks ? 'not while thinking' : undefined;
  if (temperature !== undefined && temperature > 1 && why === undefined) {
    notes.mapped('temperature', '1, the most that the provider takes');
    temperature = 1;
  }
  if (why !== undefined) {
    // 1 is what these models do of themselves.
    if (temperature !== undefined) temperature = temperature === 1 ? undefined : drop('temperature', why);
    if (topK !== undefined) topK = drop('top_k', why);
    if (topP !== undefined && (!model.sampling || topP < 0.95)) topP = topP === 1 ? undefined : drop('top_p', why);
  }
  if (topP !== undefined && temperature !== undefined && !model.bothSamplings) {
    topP = topP === 1 ? undefined : drop('top_p', 'this model takes it or temperature, not both');
  }
  return { temperature, topP, topK };
}
