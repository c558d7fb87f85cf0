import type { MetricObject } from 'prom-client';
import type { Started } from '../telemetry/gateway-events.ts';

// What the processes of one gateway say to each other, over the channel that node:cluster keeps between them.

/** A registry's metrics with their values, as prom-client hands them over. */
export type MetricsSnapshot = readonly MetricObject[];

/** From a worker to the primary process. */
export type FromWorker =
  | { readonly kind: 'started'; readonly info: Started }
  /** Asks for the metrics of all workers, as text. */
  | { readonly kind: 'metrics'; readonly id: number }
  /** Its own, as it was asked for. */
  | { readonly kind: 'snapshot'; readonly id: number; readonly metrics: MetricsSnapshot };

/** From the primary process to a worker. */
export type FromPrimary =
  | { readonly kind: 'drain'; readonly reason: string }
  | { readonly kind: 'snapshot'; readonly id: number }
  | { readonly kind: 'metrics'; readonly id: number; readonly text: string };
