import type { Counter, Gauge } from 'prom-client';
import { LabelTree } from './label-tree.ts';

/** A number of a tally, to be counted up in place. */
export interface Cell {
  value: number;
}

/**
 * A labelled count kept as plain numbers, and handed to prom-client only when it is scraped: counting is an addition
 * where prom-client would build and hash a label set.
 */
export class Tally {
  readonly #names: readonly string[];
  readonly #cells: { readonly labels: Record<string, string>; readonly cell: Cell }[] = [];
  readonly #tree = new LabelTree<Cell>((values) => {
    const cell = { value: 0 };
    this.#cells.push({ labels: Object.fromEntries(this.#names.map((name, i) => [name, values[i] ?? ''])), cell });
    return cell;
  });

  constructor(names: readonly string[]) {
    this.#names = names;
  }

  /** The cell of these label values, in the order of the names; it stays the same for good. */
  cell(...values: readonly string[]): Cell {
    return this.#tree.get(...values);
  }

  /** Makes a metric say what was counted. */
  fill(metric: Counter | Gauge): void {
    metric.reset();
    for (const { labels, cell } of this.#cells) metric.inc(labels, cell.value);
  }
}
