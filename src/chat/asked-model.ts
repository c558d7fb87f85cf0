import { type AskedModel, type AskedModelOf, inNanoDollars } from '../kernel/asked-model.ts';
import { newUsage } from '../kernel/messages.ts';
import type { CostOf, Target } from '../kernel/provider.ts';
import { type Catalog, find, isRoute } from './resolve.ts';

export interface AskedModelsOptions {
  readonly catalog: () => Catalog;
  readonly costOf: CostOf;
  /** Told once of each target that has no known price. */
  readonly unpriced: (provider: string, model: string) => void;
}

/** Callers may name any model: beyond so many nobody is told any more. */
const mostTold = 1_000;

/** Finds what limits are set for, and what they count: the names and the price of what a call asks for. */
export function createAskedModel({ catalog, costOf, unpriced }: AskedModelsOptions): AskedModelOf {
  const told = new Set<string>();
  const tell = ({ provider: { name }, model }: Target): void => {
    const key = `${name}/${model}`;
    if (told.has(key) || told.size >= mostTold) return;
    told.add(key);
    unpriced(name, model);
  };

  /** The dearest's price; targets without one count only where none has any. */
  const dearest = (targets: readonly Target[], prompt: number, completion: number): number | undefined => {
    const usage = newUsage(prompt, completion);
    let most: number | undefined;
    for (const target of targets) {
      if (target.provider.disabled !== undefined) continue;
      const cost = costOf(target, usage);
      if (cost === undefined) tell(target);
      else if (most === undefined || cost > most) most = cost;
    }
    return most === undefined ? undefined : inNanoDollars(most);
  };

  return (_call, { provider, model }): AskedModel | undefined => {
    let destination: ReturnType<typeof find>;
    try {
      destination = find(catalog(), provider, model);
    } catch {
      // There is no such thing, and the call will be told so.
      return undefined;
    }
    if (!isRoute(destination)) {
      const names = [`${destination.provider.name}/${destination.model}`, destination.model];
      const targets = [destination];
      return { names, cost: (prompt, completion) => dearest(targets, prompt, completion) };
    }
    const { name, targets } = destination;
    return { names: [name], cost: (prompt, completion) => dearest(targets, prompt, completion) };
  };
}
