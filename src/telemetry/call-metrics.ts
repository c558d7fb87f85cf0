import type { Attempt } from '../../gen/es/llmbridge/v1/report_pb.ts';
import { AttemptOutcome } from '../../gen/es/llmbridge/v1/report_pb.ts';
import type { Usage } from '../../gen/es/llmbridge/v1/usage_pb.ts';
import type { Call } from '../kernel/call.ts';
import { faults } from '../kernel/fault.ts';
import { attemptOutcomes } from './attempt-outcome.ts';
import { LabelTree } from './label-tree.ts';
import { type Labels, none, other } from './labels.ts';
import type { Metrics } from './metrics.ts';
import type { Cell } from './tally.ts';

/** Counts calls as they begin and end. */
export interface CallMetrics {
  begin(call: Call): void;
  /** `outcome` is 'ok' or a fault's reason; durations are in milliseconds. */
  end(call: Call, outcome: string, durationMs: number, firstTokenMs: number | undefined): void;
}

/** The cells of one provider and model, looked up once. */
class ModelCells {
  readonly prompt: Cell;
  readonly completion: Cell;
  readonly cachedPrompt: Cell;
  readonly cacheWrite: Cell;
  readonly reasoning: Cell;

  constructor({ tokens }: Metrics, provider: string, model: string) {
    this.prompt = tokens.cell(provider, model, 'prompt');
    this.completion = tokens.cell(provider, model, 'completion');
    this.cachedPrompt = tokens.cell(provider, model, 'cached_prompt');
    this.cacheWrite = tokens.cell(provider, model, 'cache_write');
    this.reasoning = tokens.cell(provider, model, 'reasoning');
  }

  add(usage: Usage): void {
    this.prompt.value += usage.promptTokens;
    this.completion.value += usage.completionTokens;
    this.cachedPrompt.value += usage.promptTokensDetails?.cachedTokens ?? 0;
    this.cacheWrite.value += usage.promptTokensDetails?.cacheWriteTokens ?? 0;
    this.reasoning.value += usage.completionTokensDetails?.reasoningTokens ?? 0;
  }
}

/** Feeds the call metrics; every label comes from `labels`, so callers can't add series. */
export function createCallMetrics(metrics: Metrics, labels: Labels): CallMetrics {
  const models = new LabelTree(([provider = '', model = '']) => new ModelCells(metrics, provider, model));
  const durations = new LabelTree((values) => metrics.duration.labels(...values));
  const firstTokens = new LabelTree((values) => metrics.firstToken.labels(...values));

  const countAttempt = (attempt: Attempt): void => {
    const provider = labels.provider(attempt.provider);
    const model = labels.model(attempt.provider, attempt.model);
    const failed = attempt.outcome !== AttemptOutcome.OK;
    const reason = failed ? (Object.hasOwn(faults, attempt.reason) ? attempt.reason : other) : none;
    metrics.attempts.cell(provider, model, attemptOutcomes[attempt.outcome] ?? other, reason).value++;
    if (attempt.usage !== undefined) models.get(provider, model).add(attempt.usage);
    if (attempt.costUsd !== undefined) metrics.cost.cell(provider, model).value += attempt.costUsd;
  };

  // A call may turn out to be a stream after it began; it leaves the gauge where it entered.
  const running = new Map<Call, Cell>();

  return {
    begin(call) {
      const cell = metrics.inFlight.cell(labels.method(call.method), call.protocol);
      running.set(call, cell);
      cell.value++;
    },
    end(call, outcome, durationMs, firstTokenMs) {
      const { report, usage, protocol } = call;
      const method = labels.method(call.method);
      const asked = report !== undefined && report.provider !== '';
      const provider = asked ? labels.provider(report.provider) : none;
      const model = asked ? labels.model(report.provider, report.model) : labels.requested(call.requestedModel);

      const cell = running.get(call);
      if (cell !== undefined) cell.value--;
      running.delete(call);
      metrics.requests.cell(method, protocol, provider, model, outcome).value++;
      durations.get(method, provider, model).observe(durationMs / 1000);
      if (firstTokenMs !== undefined) firstTokens.get(provider, model).observe(firstTokenMs / 1000);

      let accounted = report?.cacheHit ?? false;
      if (report !== undefined) {
        for (const attempt of report.attempts) {
          countAttempt(attempt);
          accounted ||= attempt.usage !== undefined;
        }
      }
      if (usage !== undefined && !accounted) models.get(provider, model).add(usage);
    },
  };
}
