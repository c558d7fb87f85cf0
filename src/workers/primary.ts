import cluster, { type Worker } from 'node:cluster';
import { onHangUp } from '../hang-up.ts';
import type { RateLimiter } from '../kernel/rate-limiter.ts';
import type { Started } from '../telemetry/gateway-events.ts';
import type { FromPrimary, FromWorker } from './messages.ts';
import { Scrape, type Scraped } from './scrape.ts';
import { SharedLimits } from './shared-limits.ts';
import { placeVariable } from './worker.ts';

/** What happens to the workers: a log line each. */
export interface WorkerEvents {
  /** All of them serve. */
  started(info: Started): void;
  workerLost(place: number, cause: string): void;
  workerReplaced(place: number): void;
}

export interface PrimaryOptions {
  readonly workers: number;
  /** The port that they share; workers that come later must know it, so 0 is none. */
  readonly port: number;
  readonly events: WorkerEvents;
  /** Resolves with the name of the signal that ends the gateway. */
  readonly stopped: Promise<string>;
  /** Counts for all workers what no other store counts. */
  readonly limiter: RateLimiter;
  /** Workers that have not ended so long after the signal are killed, in milliseconds. */
  readonly patienceMs: number;
}

/** A worker that lived this long did not fail at its start. */
const soundMs = 10_000;
const firstPauseMs = 100;
const longestPauseMs = 10_000;

/** One place among the workers, and the process that holds it now. */
class Place implements Scraped {
  readonly number: number;
  readonly worker: Worker;
  readonly since = performance.now();
  /** Workers before this one that ended soon after their start. */
  readonly failures: number;
  readonly limits: SharedLimits;
  #serving = false;
  #hungUp = false;

  constructor(number: number, failures: number, limiter: RateLimiter, port: number) {
    this.number = number;
    this.failures = failures;
    this.limits = new SharedLimits(limiter, (answers) => this.tell({ kind: 'answers', answers }));
    this.worker = cluster.fork({ [placeVariable]: String(number), LLMBRIDGE_SERVER__PORT: String(port) });
  }

  get serving(): boolean {
    return this.#serving;
  }

  /** Its port is open. */
  serves(): void {
    this.#serving = true;
    if (this.#hungUp) this.hangUp();
  }

  /** Has it read the configuration again; not before it serves, as the signal would end a process that does not listen yet. */
  hangUp(): void {
    this.#hungUp = !this.#serving;
    if (this.#serving) this.worker.process.kill('SIGHUP');
  }

  tell(message: FromPrimary): void {
    if (this.worker.isConnected()) this.worker.send(message);
  }

  askForSnapshot(id: number): void {
    this.tell({ kind: 'snapshot', id });
  }
}

/**
 * Runs the command line of this process in worker processes that share the port, and replaces those that end by
 * themselves. Connections are dealt to them in turn: HTTP/2 ones live long, and a kernel that deals by chance would
 * leave workers idle. Resolves with the exit code, once a signal came or the first worker could not start.
 */
export class Primary {
  readonly #options: PrimaryOptions;
  readonly #places = new Map<number, Place>();
  readonly #scrape = new Scrape(() => [...this.#places.values()].filter(({ serving }) => serving));
  readonly #ended = Promise.withResolvers<number>();
  #started: Started | undefined;
  #complete = false;
  #stopping = false;
  #code = 0;

  constructor(options: PrimaryOptions) {
    this.#options = options;
  }

  run(): Promise<number> {
    cluster.schedulingPolicy = cluster.SCHED_RR;
    // Not JSON: a wait without end is Infinity.
    cluster.setupPrimary({ serialization: 'advanced' });
    onHangUp(() => {
      for (const place of this.#places.values()) place.hangUp();
    });
    void this.#options.stopped.then((reason) => this.#stop(reason));
    // The first one alone: what keeps it from serving would keep them all, and is told once.
    this.#fork(0, 0);
    return this.#ended.promise;
  }

  #fork(number: number, failures: number): void {
    const place = new Place(number, failures, this.#options.limiter, this.#options.port);
    this.#places.set(number, place);
    place.worker.on('message', (message: FromWorker) => this.#heard(place, message));
    place.worker.once('exit', (code: number | null, signal: string | null) => this.#lost(place, code, signal));
  }

  #heard(place: Place, message: FromWorker): void {
    switch (message.kind) {
      case 'started':
        place.serves();
        this.#serves(place, message.info);
        break;
      case 'limits':
        void place.limits.heard(message.batch);
        break;
      case 'snapshot':
        this.#scrape.answered(place, message.id, message.metrics);
        break;
      case 'metrics':
        void this.#scrape.text().then((text) => place.tell({ kind: 'metrics', id: message.id, text }));
        break;
    }
  }

  #serves({ number }: Place, info: Started): void {
    const { workers, events } = this.#options;
    if (this.#complete) {
      events.workerReplaced(number);
      return;
    }
    if (this.#started === undefined) {
      this.#started = info;
      if (!this.#stopping) for (let next = 1; next < workers; next++) this.#fork(next, 0);
    }
    const serving = [...this.#places.values()].filter((place) => place.serving).length;
    if (serving < workers) return;
    this.#complete = true;
    events.started({ ...this.#started, startupMs: performance.now(), workers });
  }

  #lost(place: Place, code: number | null, signal: string | null): void {
    this.#places.delete(place.number);
    place.limits.close();
    if (this.#stopping || this.#started === undefined) {
      if (code !== 0) this.#code = code ?? 1;
      if (this.#places.size === 0) this.#ended.resolve(this.#code);
      return;
    }
    this.#options.events.workerLost(place.number, signal ?? `exit code ${code}`);
    this.#scrape.replaced(place);
    const failures = performance.now() - place.since < soundMs ? place.failures + 1 : 0;
    const pause = failures === 0 ? 0 : Math.min(longestPauseMs, firstPauseMs * 2 ** (failures - 1));
    setTimeout(() => {
      if (!this.#stopping) this.#fork(place.number, failures);
    }, pause);
  }

  #stop(reason: string): void {
    this.#stopping = true;
    for (const place of this.#places.values()) place.tell({ kind: 'drain', reason });
    if (this.#places.size === 0) this.#ended.resolve(this.#code);
    setTimeout(() => {
      for (const { worker } of this.#places.values()) worker.process.kill('SIGKILL');
    }, this.#options.patienceMs).unref();
  }
}
