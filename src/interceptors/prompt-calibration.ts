/** Prompts of fewer tokens are told more of by what stands around a message than by its text. */
const leastLearned = 50;
/** No prompt counts for more than so many tokens, and what nobody has learned from yet is worth so many of ratio 1. */
const mostLearned = 4_000;
const doubt = 1_000;
/** What was learned before counts for so much less at each prompt: the last fifty make up most of a ratio. */
const kept = 0.98;
/** However odd the prompts of some caller are, those of others are not estimated further off. */
const least = 0.5;
const most = 2.5;
/** Callers may name any model, but only those that answered are learned of. */
const mostModels = 1_000;

interface Learned {
  real: number;
  estimated: number;
}

/**
 * How many tokens the prompts of a model really have, by those estimated: a mean in which later prompts, and longer ones,
 * count for more. By the name that callers ask for, which stands for one tokenizer, or for a few that are much alike.
 */
export class PromptCalibration {
  readonly #models = new Map<string, Learned>();

  /** What an estimate of this model's prompts is to be multiplied by; 1 where nothing is known. */
  ratio(model: string): number {
    const learned = this.#models.get(model);
    return learned === undefined ? 1 : Math.min(most, Math.max(least, learned.real / learned.estimated));
  }

  /** A prompt that was estimated to have so many tokens, without a ratio, had so many by its provider's count. */
  learn(model: string, estimated: number, real: number): void {
    if (estimated < leastLearned || real <= 0) return;
    let learned = this.#models.get(model);
    if (learned === undefined) {
      if (this.#models.size >= mostModels) return;
      learned = { real: doubt, estimated: doubt };
      this.#models.set(model, learned);
    }
    const weight = Math.min(1, mostLearned / estimated);
    learned.real = learned.real * kept + real * weight;
    learned.estimated = learned.estimated * kept + estimated * weight;
  }
}
