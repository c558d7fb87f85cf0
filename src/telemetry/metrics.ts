import { Counter, collectDefaultMetrics, Gauge, Histogram, type MetricObject, Registry } from 'prom-client';
import { Tally } from './tally.ts';

/** Seconds; from a refused call to a long stream. The GenAI conventions of OpenTelemetry up to 81.92, doubled on from there. */
const durationBuckets = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84, 327.68, 655.36,
];

/** Seconds; the GenAI conventions of OpenTelemetry, and a minute for slow reasoning models. */
const firstTokenBuckets = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 30, 60,
];

/** Gauges of prom-client whose names end like a counter's, which `promtool check metrics` refuses. */
const misnamed = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

export interface MetricsOptions {
  readonly version: string;
  /** Whether the registry tells of the process and of Node.js too. */
  readonly runtime: boolean;
}

/** The gateway's metrics. The tallies are written by the call observer; other parts register theirs in `registry`. */
export interface Metrics {
  readonly registry: Registry;
  /** method, protocol */
  readonly inFlight: Tally;
  /** method, protocol, provider, model, outcome */
  readonly requests: Tally;
  /** provider, model, type */
  readonly tokens: Tally;
  /** provider, model */
  readonly cost: Tally;
  /** provider, model, outcome, reason */
  readonly attempts: Tally;
  readonly duration: Histogram<'method' | 'provider' | 'model'>;
  readonly firstToken: Histogram<'provider' | 'model'>;
  /** Of the text. */
  readonly contentType: string;
  /** All metrics in Prometheus' text format, for a scrape. */
  text(): Promise<string>;
  /** The same as objects, to be added to those of other processes. */
  snapshot(): Promise<readonly MetricObject[]>;
}

/** Makes a registry of its own: two gateways in one process never share a count. */
export function createMetrics({ version, runtime }: MetricsOptions): Metrics {
  const registry = new Registry();
  const registers = [registry];
  if (runtime) {
    collectDefaultMetrics({ register: registry });
    for (const name of misnamed) registry.removeSingleMetric(name);
  }

  const tally = (Kind: typeof Counter | typeof Gauge, name: string, help: string, labelNames: string[]): Tally => {
    const counts = new Tally(labelNames);
    const metric: Counter | Gauge = new Kind({ name, help, labelNames, registers, collect: () => counts.fill(metric) });
    return counts;
  };

  new Gauge({
    name: 'llmbridge_build_info',
    help: 'The version that runs, and the Node.js under it; always 1.',
    labelNames: ['version', 'node'],
    registers,
    aggregator: 'first',
  }).set({ version, node: process.versions.node }, 1);

  return {
    registry,
    inFlight: tally(Gauge, 'llmbridge_requests_in_flight', 'Calls that have begun and not ended.', [
      'method',
      'protocol',
    ]),
    requests: tally(
      Counter,
      'llmbridge_requests_total',
      'Calls that have ended; outcome is ok or the reason of the fault.',
      ['method', 'protocol', 'provider', 'model', 'outcome'],
    ),
    tokens: tally(
      Counter,
      'llmbridge_tokens_total',
      'Tokens consumed, failed attempts included; cached_prompt and cache_write are parts of prompt, reasoning of completion.',
      ['provider', 'model', 'type'],
    ),
    cost: tally(
      Counter,
      'llmbridge_cost_usd_total',
      'US dollars that attempts cost, as far as prices are known, failed ones included.',
      ['provider', 'model'],
    ),
    attempts: tally(
      Counter,
      'llmbridge_upstream_attempts_total',
      'Attempts at providers; reason is why one failed, none where it did not.',
      ['provider', 'model', 'outcome', 'reason'],
    ),
    duration: new Histogram({
      name: 'llmbridge_request_duration_seconds',
      help: 'From the first header of a call to the last byte of its answer.',
      labelNames: ['method', 'provider', 'model'],
      buckets: durationBuckets,
      registers,
    }),
    firstToken: new Histogram({
      name: 'llmbridge_time_to_first_token_seconds',
      help: 'From the first header of a call to the first token of its answer.',
      labelNames: ['provider', 'model'],
      buckets: firstTokenBuckets,
      registers,
    }),
    contentType: registry.contentType,
    text: () => registry.metrics(),
    snapshot: () => registry.getMetricsAsJSON(),
  };
}
