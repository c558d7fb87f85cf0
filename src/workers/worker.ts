import cluster from 'node:cluster';
import type { RateLimiter } from '../kernel/rate-limiter.ts';
import type { Started } from '../telemetry/gateway-events.ts';
import type { FromPrimary, FromWorker, MetricsSnapshot } from './messages.ts';
import { RemoteRateLimiter } from './remote-rate-limiter.ts';

/** Environment variable that tells a worker its place among the workers, from 0. */
export const placeVariable = 'LLM_BRIDGE_WORKER';

/** What a worker process has of the primary one. */
export interface PrimaryLink {
  /** Its place among the workers, from 0; the worker that replaces it has the same. */
  readonly place: number;
  /** Resolves with the reason when the worker is to drain and end. */
  readonly stopped: Promise<string>;
  /** Counts for all workers. */
  readonly limiter: RateLimiter;
  /** The worker's port is open. */
  started(info: Started): void;
  /** Hands out this worker's metrics whenever a scrape asks for those of all. */
  shareMetrics(snapshot: () => Promise<MetricsSnapshot>): void;
  /** Nothing more is said between them, so that the process can end. */
  leave(): void;
  /** The metrics of all workers in Prometheus' text format. */
  metrics(): Promise<string>;
}

const tell = (message: FromWorker): void => {
  // Who can't hear any more has ended, and node:cluster ends its workers then.
  if (process.connected) process.send?.(message);
};

/** The link of this process to its primary one; undefined where it is no worker. */
export function joinPrimary(): PrimaryLink | undefined {
  if (!cluster.isWorker) return undefined;
  const stopped = Promise.withResolvers<string>();
  const scrapes = new Map<number, (text: string) => void>();
  let lastScrape = 0;
  let snapshot: () => Promise<MetricsSnapshot> = async () => [];

  const limiter = new RemoteRateLimiter((batch) => tell({ kind: 'limits', batch }));

  process.on('message', (message: FromPrimary) => {
    switch (message.kind) {
      case 'drain':
        stopped.resolve(message.reason);
        break;
      case 'answers':
        limiter.answered(message.answers);
        break;
      case 'snapshot':
        void snapshot().then((metrics) => tell({ kind: 'snapshot', id: message.id, metrics }));
        break;
      case 'metrics':
        scrapes.get(message.id)?.(message.text);
        scrapes.delete(message.id);
        break;
    }
  });
  // A terminal signals all processes of a group; what is to be done about it the primary says.
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => {});

  return {
    place: Number(process.env[placeVariable] ?? 0),
    stopped: stopped.promise,
    limiter,
    started: (info) => tell({ kind: 'started', info }),
    leave: () => cluster.worker?.disconnect(),
    shareMetrics(own) {
      snapshot = own;
    },
    metrics() {
      lastScrape++;
      const { promise, resolve } = Promise.withResolvers<string>();
      scrapes.set(lastScrape, resolve);
      tell({ kind: 'metrics', id: lastScrape });
      return promise;
    },
  };
}
