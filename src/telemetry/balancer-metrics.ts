import { type Aggregator, Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { BalancerEvents, TargetState } from '../kernel/balancer-events.ts';
import type { Target } from '../kernel/provider.ts';
import type { Labels } from './labels.ts';

/** Seconds. */
const waitBuckets = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const abortBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];
const breakerStates = { closed: 0, 'half-open': 1, open: 2 } as const;

/** Counts what the balancer tells, and shows how targets fare when it is scraped. */
export function createBalancerMetrics(
  registry: Registry,
  labels: Pick<Labels, 'provider' | 'model' | 'requested'>,
  states: () => Iterable<TargetState>,
): BalancerEvents {
  const registers = [registry];
  const targetLabels = ['provider', 'model'] as const;
  const of = ({ provider, model }: Target) => ({
    provider: labels.provider(provider.name),
    model: labels.model(provider.name, model),
  });
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name, help, labelNames, registers });
  /** `aggregator`: what several worker processes' values make together. */
  const gauge = (name: string, help: string, aggregator: Aggregator, value: (state: TargetState) => number) => {
    const metric: Gauge<'provider' | 'model'> = new Gauge({
      name,
      help,
      labelNames: targetLabels,
      registers,
      aggregator,
      collect() {
        metric.reset();
        const worst = new Map<string, number>();
        // Models that the configuration does not name share a label: the worst of them stands for all.
        for (const state of states()) {
          const at = of(state.target);
          const key = `${at.provider}\n${at.model}`;
          const shown = Math.max(worst.get(key) ?? 0, value(state));
          worst.set(key, shown);
          metric.set(at, shown);
        }
      },
    });
  };
  gauge(
    'llmbridge_target_breaker_state',
    'Of a target: 0 closed, 1 half-open (a probe decides), 2 open (it is not asked).',
    'max',
    ({ breaker }) => breakerStates[breaker],
  );
  gauge(
    'llmbridge_target_cooling_seconds',
    'Until a target has a key that is not over its limit.',
    'max',
    ({ coolingMs }) => coolingMs / 1000,
  );
  gauge(
    'llmbridge_target_attempts_in_flight',
    'Attempts at a target that have begun and not ended.',
    'sum',
    ({ inFlight }) => inFlight,
  );

  const ejections = counter(
    'llmbridge_target_ejections_total',
    'How often a target was left alone for failing.',
    targetLabels,
  );
  const cooldowns = counter(
    'llmbridge_target_cooldowns_total',
    'How often a key of a target was laid to rest: limit or credential.',
    [...targetLabels, 'why'],
  );
  const waits = new Histogram({
    name: 'llmbridge_queue_wait_seconds',
    help: 'Waits for a free place of a route or provider, of the calls that had to wait.',
    labelNames: ['scope', 'refused'],
    buckets: waitBuckets,
    registers,
  });
  const probes = new Gauge({
    name: 'llmbridge_provider_up',
    help: 'Of a provider that is probed, once it was down: 1 it answers, 0 it does not and is passed over.',
    labelNames: ['provider'],
    registers,
    aggregator: 'min',
  });
  const aborts = new Histogram({
    name: 'llmbridge_cancel_to_abort_seconds',
    help: "From the moment an attempt was given up, for that reason, to its provider's socket closed.",
    labelNames: ['reason'],
    buckets: abortBuckets,
    registers,
  });
  const hedges = counter(
    'llmbridge_hedges_total',
    'Second attempts for slow first tokens; won: it was the one that served.',
    ['route', 'result'],
  );
  const recoveries = counter(
    'llmbridge_stream_recoveries_total',
    'Cut streams that were taken up again, and whether the answer came out whole.',
    ['route', 'mode', 'result'],
  );

  return {
    ejected: (target) => ejections.inc(of(target)),
    cooled: (target, why) => cooldowns.inc({ ...of(target), why }),
    probed: (provider, up) => probes.set({ provider: labels.provider(provider) }, up ? 1 : 0),
    aborted: (_target, reason, ms) => aborts.observe({ reason }, ms / 1000),
    queued: (scope, waitMs, refused) => waits.observe({ scope, refused: String(refused) }, waitMs / 1000),
    hedged: (route, won) => hedges.inc({ route: labels.requested(route), result: won ? 'won' : 'lost' }),
    recovered: (route, mode, whole) =>
      recoveries.inc({ route: labels.requested(route), mode, result: whole ? 'whole' : 'failed' }),
  };
}
