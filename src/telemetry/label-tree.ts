interface Branch<T> {
  readonly below: Map<string, Branch<T>>;
  value: T | undefined;
}

const branch = <T>(): Branch<T> => ({ below: new Map(), value: undefined });

/**
 * A value for each combination of label values, made when it is first asked for. It is found by one value after another:
 * to join them into a key, and hash that, would cost more than the counting.
 */
export class LabelTree<T> {
  readonly #root = branch<T>();
  readonly #make: (values: readonly string[]) => T;

  constructor(make: (values: readonly string[]) => T) {
    this.#make = make;
  }

  get(...values: readonly string[]): T {
    let at = this.#root;
    for (const value of values) {
      let next = at.below.get(value);
      if (next === undefined) {
        next = branch<T>();
        at.below.set(value, next);
      }
      at = next;
    }
    at.value ??= this.#make(values);
    return at.value;
  }
}
