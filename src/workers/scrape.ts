import { AggregatorRegistry, Counter, Gauge, Registry } from 'prom-client';
import type { MetricsSnapshot } from './messages.ts';

/** A worker that can be asked for its metrics. */
export interface Scraped {
  askForSnapshot(id: number): void;
}

/** How long a worker may take to hand over its metrics; one that is too busy is left out of that scrape. */
const patienceMs = 1_000;

/** Adds up the metrics of all workers, so that a scrape, which reaches one of them, tells of the whole gateway. */
export class Scrape {
  readonly #own = new Registry();
  readonly #running: Gauge;
  readonly #restarts: Counter;
  readonly #workers: () => readonly Scraped[];
  readonly #waiting = new Map<number, (metrics: MetricsSnapshot) => void>();
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
  replaced(): void {
    this.#restarts.inc();
  }

  /** A worker handed its metrics over. */
  answered(id: number, metrics: MetricsSnapshot): void {
    this.#waiting.get(id)?.(metrics);
    this.#waiting.delete(id);
  }

  /** The metrics of all workers that answer in time, in Prometheus' text format. */
  async text(): Promise<string> {
    const workers = this.#workers();
    this.#running.set(workers.length);
    const snapshots = await Promise.all(workers.map((worker) => this.#snapshotOf(worker)));
    return AggregatorRegistry.aggregate([...snapshots, await this.#own.getMetricsAsJSON()]).metrics();
  }

  #snapshotOf(worker: Scraped): Promise<MetricsSnapshot> {
    this.#lastId++;
    const id = this.#lastId;
    const { promise, resolve } = Promise.withResolvers<MetricsSnapshot>();
    this.#waiting.set(id, resolve);
    setTimeout(() => this.answered(id, []), patienceMs).unref();
    worker.askForSnapshot(id);
    return promise;
  }
}
