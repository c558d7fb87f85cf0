import type { MetricObject } from 'prom-client';
import type { FaultDetail, FaultReason } from '../kernel/fault.ts';
import type { Decision, Demand } from '../kernel/rate-limiter.ts';
import type { Started } from '../telemetry/gateway-events.ts';

// What the processes of one gateway say to each other, over the channel that node:cluster keeps between them.

/** A registry's metrics with their values, as prom-client hands them over. */
export type MetricsSnapshot = readonly MetricObject[];

/** A demand, and how its answer is called. */
export interface SentDemand {
  readonly id: number;
  readonly demand: Demand;
}

/** What a lease used. */
export interface Settlement {
  readonly lease: number;
  readonly tokens: number;
  readonly cost: number;
}

/** What a worker has for the limits, which the primary process keeps. */
export interface LimitsBatch {
  readonly demands: readonly SentDemand[];
  readonly settlements: readonly Settlement[];
}

/** What became of a demand; a fault travels as its parts. */
export type AnsweredDemand =
  | { readonly id: number; readonly decision: Decision }
  | { readonly id: number; readonly reason: FaultReason; readonly message: string; readonly detail: FaultDetail };

/** From a worker to the primary process. */
export type FromWorker =
  | { readonly kind: 'started'; readonly info: Started }
  | { readonly kind: 'limits'; readonly batch: LimitsBatch }
  /** Asks for the metrics of all workers, as text. */
  | { readonly kind: 'metrics'; readonly id: number }
  /** Its own, as it was asked for. */
  | { readonly kind: 'snapshot'; readonly id: number; readonly metrics: MetricsSnapshot };

/** From the primary process to a worker. */
export type FromPrimary =
  | { readonly kind: 'drain'; readonly reason: string }
  | { readonly kind: 'answers'; readonly answers: readonly AnsweredDemand[] }
  | { readonly kind: 'snapshot'; readonly id: number }
  | { readonly kind: 'metrics'; readonly id: number; readonly text: string };
