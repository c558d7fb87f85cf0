import { AggregatorRegistry, Counter, Gauge, Registry } from 'prom-client';
import type { MetricsSnapshot } from './messages.ts';

/** A worker that can be asked for its metrics. */
export interface Scraped {
  askForSnapshot(id: number): void;
}

/** How long a worker may take to hand over its metrics; of one that is too busy those of before are told. */
const patienceMs = 1_000;

/** What only ever grows; the rest told of a state that ended with its process. */
const isTotal = ({ type }: MetricsSnapshot[number]): boolean => {
  const kind = String(type);
  return kind === 'counter' || kind === 'histogram';
};

/**
 * Adds up the metrics of all workers, so that a scrape, which reaches one of them, tells of the whole gateway. A total never
 * sinks, as a scraper would take that for a restart and count all of it once more: what is known of workers that ended
 * stays in the sum, and of one that does not answer in time what it said before.
 */
export class Scrape {
  readonly #own = new Registry();
  readonly #running: Gauge;
  readonly #restarts: Counter;
  readonly #workers: () => readonly Scraped[];
  readonly #waiting = new Map<number, (metrics: MetricsSnapshot) => void>();
  /** What each said last. */
  readonly #last = new Map<Scraped, MetricsSnapshot>();
  /** The totals of workers that ended. */
  #ended: MetricsSnapshot = [];
  #lastId = 0;

  constructor(workers: () => readonly Scraped[]) {
    const registers = [this.#own];
    this.#workers = workers;
    this.#running = new Gauge({ name: 'llmbridge_workers', help: 'Worker processes that serve.', registers });
    this.#restarts = new Counter({
      name: 'llmbridge_worker_restarts_total',
      help: 'Worker processes that ended by themselves and were replaced.',
      registers,
    });
  }

  /** A worker ended by itself. */
  replaced(worker: Scraped): void {
    this.#restarts.inc();
    const totals = this.#last.get(worker)?.filter(isTotal);
    this.#last.delete(worker);
    if (totals !== undefined) this.#ended = AggregatorRegistry.aggregate([this.#ended, totals]).getMetricsAsArray();
  }

  /** A worker handed its metrics over. */
  answered(worker: Scraped, id: number, metrics: MetricsSnapshot): void {
    if (this.#workers().includes(worker)) this.#last.set(worker, metrics);
    this.#settle(id, metrics);
  }

  /** The metrics of all workers in Prometheus' text format. */
  async text(): Promise<string> {
    const workers = this.#workers();
    this.#running.set(workers.length);
    const asked = Promise.all(workers.map((worker) => this.#snapshotOf(worker)));
    const [snapshots, own] = await Promise.all([asked, this.#own.getMetricsAsJSON()]);
    // One that ended meanwhile is among those that did.
    const standing = snapshots.filter((_, at) => this.#last.has(workers[at] as Scraped));
    return AggregatorRegistry.aggregate([...standing, this.#ended, own]).metrics();
  }

  #settle(id: number, metrics: MetricsSnapshot): void {
    this.#waiting.get(id)?.(metrics);
    this.#waiting.delete(id);
  }

  #snapshotOf(worker: Scraped): Promise<MetricsSnapshot> {
    this.#lastId++;
    const id = this.#lastId;
    const { promise, resolve } = Promise.withResolvers<MetricsSnapshot>();
    this.#waiting.set(id, resolve);
    setTimeout(() => this.#settle(id, this.#last.get(worker) ?? []), patienceMs).unref();
    worker.askForSnapshot(id);
    return promise;
  }
}
